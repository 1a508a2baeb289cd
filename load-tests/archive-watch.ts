/**
 * Looks at an archive from outside, as a reader of directories does and with DuckDB: at any moment, whether its server runs or is dead,
 * every file that can be seen is one that the manifest has named, and no event is in two places. An hour that is compacted has the
 * events that it had before.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { ManifestVersion } from '../storage/archive/manifest.ts';
import {
  MANIFEST_FOLDER,
  parseManifestName,
  versionPath,
} from '../storage/archive/manifest-paths.ts';
import { type AddedFile, ArchiveChain, demand, Finding } from './archive-chain.ts';
import type { Series } from './verify.ts';

export { demand, Finding };

const LOOK_MS = 50;
/** Of one statement: a longer list is a longer text. */
const FILES_AT_ONCE = 200;
const CATCH_UP_MS_MAX = 30_000;
const EVENT =
  'id VARCHAR, type VARCHAR, minute BIGINT, duration DOUBLE, "partition" INTEGER, position BIGINT, "row" INTEGER, hour VARCHAR';
const EVENT_OF_FILE = `id, type, epoch_ms(date_trunc('minute', ts)) AS minute, duration_ms AS duration,
  _partition AS "partition", _position AS position, _row AS "row"`;

export class ArchiveWatch {
  readonly #dir: string;
  readonly #duck: DuckDBConnection;
  readonly #chain: ArchiveChain;
  readonly #seen = new Set<string>();
  /** Versions whose files are still to be read, in their order. */
  readonly #unread: ManifestVersion[] = [];
  /** Per hour, rows of files that were compacted away and deleted before they could be read. */
  readonly #missed = new Map<string, number>();
  #looking: Promise<void> = Promise.resolve();
  #looks = 0;
  #compactions = 0;
  #deleted = 0;
  #isStopped = false;
  #watching: Promise<void> = Promise.resolve();
  #finding: unknown;

  /** @param keptMs how long removed files stay */
  static async open(dir: string, keptMs: number): Promise<ArchiveWatch> {
    const duck = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await duck.run(`CREATE TABLE event (${EVENT}); CREATE TABLE fresh (${EVENT})`);
    return new ArchiveWatch(dir, duck, new ArchiveChain(keptMs));
  }

  private constructor(dir: string, duck: DuckDBConnection, chain: ArchiveChain) {
    this.#dir = dir;
    this.#duck = duck;
    this.#chain = chain;
  }

  get looks(): number {
    return this.#looks;
  }

  /** That any version has added. */
  get files(): number {
    return this.#chain.fileCount;
  }

  /** Versions of it whose events were compared with those of the files before. */
  get compactions(): number {
    return this.#compactions;
  }

  /** Files that were seen, and are gone. */
  get deleted(): number {
    return this.#deleted;
  }

  /** What the newest version says. */
  get newest(): ManifestVersion | undefined {
    return this.#chain.newest;
  }

  /** The log before it is in the archive. */
  get archivedTo(): number {
    return this.#chain.archivedTo;
  }

  /** From now on it looks all the time. What it finds is thrown by the next `look`, and ends it. */
  begin(): void {
    this.#watching = (async () => {
      while (!this.#isStopped && this.#finding === undefined) {
        await this.look().catch(() => undefined);
        await sleep(LOOK_MS);
      }
    })();
  }

  async close(): Promise<void> {
    this.#isStopped = true;
    await this.#watching;
    this.#duck.closeSync();
  }

  /** Rejects with a `Finding`. */
  look(): Promise<void> {
    this.#looking = this.#looking
      .catch(() => undefined)
      .then(async () => {
        if (this.#finding !== undefined) throw this.#finding;
        try {
          await this.#look();
        } catch (error) {
          this.#finding = error;
          throw error;
        }
      });
    return this.#looking;
  }

  /** Counts and sums as the server answers them. */
  async byTypeAndMinute(): Promise<Series[]> {
    const rows = await this.#rows(
      `SELECT type, minute::DOUBLE AS t, count(*)::DOUBLE AS events, sum(duration) AS total
        FROM event GROUP BY type, minute`,
    );
    return rows.map(({ type, t, events, total }) => ({
      labels: [{ name: 'type', value: String(type) }],
      points: [
        { t: Number(t), values: [events, total].map((n) => ({ value: Number(n), errorBound: 0 })) },
      ],
    }));
  }

  /** Looks until the files of every version have been read. A server is alive, which settles the newest. */
  async catchUp(): Promise<void> {
    const deadline = performance.now() + CATCH_UP_MS_MAX;
    for (;;) {
      await this.look();
      if (this.#unread.length === 0) return;
      const next = this.#unread[0]?.version;
      demand(performance.now() < deadline, `the files of version ${next} do not come`);
      await sleep(LOOK_MS);
    }
  }

  /** Everything is in its place: reads all of it anew, as somebody who comes now. Answers how many events there are. */
  async readWhole(): Promise<number> {
    await this.look();
    const visible = new Set(await segmentsIn(this.#dir));
    const paths = [...this.#chain.files];
    for (const path of paths) demand(visible.has(path), `${path} is committed and not there`);
    for (const path of visible) {
      const isKnown = this.#chain.files.has(path) || this.#chain.isRemoved(path);
      demand(isKnown, `${path} is left, and belongs to nothing`);
    }
    if (paths.length === 0) return 0;
    const [row] = await this.#rows(
      `SELECT count(*)::DOUBLE AS events, count(DISTINCT id)::DOUBLE AS ids,
          count(DISTINCT (_partition, _position, _row))::DOUBLE AS places FROM ${this.#readOf(paths)}`,
    );
    const [events, ids, places] = [row?.['events'], row?.['ids'], row?.['places']].map(Number);
    demand(
      events === ids && events === places,
      `${events} events are read, with ${ids} ids and ${places} places`,
    );
    return events ?? 0;
  }

  /** First the files, then the versions: what could be seen by then is named by now. */
  async #look(): Promise<void> {
    const settled = this.newest?.version ?? 0;
    const visible = new Set(await segmentsIn(this.#dir));
    const endedMs = Date.now();
    await this.#followManifest();
    this.#looks += 1;
    this.#chain.compare(visible, this.#seen, endedMs, settled);
    for (const path of this.#seen) {
      if (visible.has(path)) continue;
      this.#seen.delete(path);
      this.#deleted += 1;
    }
    for (const path of visible) this.#seen.add(path);
    await this.#readOn(visible);
  }

  /** Version by version; those that only add are read together. */
  async #readOn(visible: ReadonlySet<string>): Promise<void> {
    let fresh: AddedFile[] = [];
    for (let [next] = this.#unread; next !== undefined; [next] = this.#unread) {
      const files = next.add.flatMap(({ path }) => this.#chain.added(path) ?? []);
      const isThere = files.every(({ path }) => visible.has(path));
      const isGone = files.some(({ path }) => !visible.has(path) && this.#chain.isRemoved(path));
      // They are still on their way.
      if (!isThere && !isGone) break;
      this.#unread.shift();
      if (next.change === 'segments') {
        fresh.push(...files.filter(({ path }) => visible.has(path)));
        for (const file of files) if (!visible.has(file.path)) this.#miss(file);
      } else if (next.change === 'compaction' && isThere) {
        await this.#readFresh(fresh);
        fresh = [];
        await this.#readCompacted(next, files);
      }
    }
    await this.#readFresh(fresh);
  }

  #miss({ hour, rows }: AddedFile): void {
    this.#missed.set(hour, (this.#missed.get(hour) ?? 0) + rows);
  }

  async #readFresh(files: readonly AddedFile[]): Promise<void> {
    const there = await this.#load(files);
    for (const file of files) if (!there.includes(file)) this.#miss(file);
    if (there.length === 0) return;
    const rows = there.reduce((sum, file) => sum + file.rows, 0);
    const found = await this.#countFresh(there, rows);
    const where = `in ${there.length} files, such as ${there[0]?.path}`;
    demand(found.idsBefore === 0, `${found.idsBefore} ids are there twice ${where}`);
    demand(found.placesBefore === 0, `${found.placesBefore} places are there twice ${where}`);
    await this.#duck.run('INSERT INTO event SELECT * FROM fresh');
  }

  /** All events that were known of the hour are in it, and no others but those whose file could not be read before. */
  async #readCompacted({ version }: ManifestVersion, files: readonly AddedFile[]): Promise<void> {
    const there = await this.#load(files);
    const [first] = there;
    // Compacted once more, and deleted: what follows is compared instead. Its events were known before, or are missed already.
    if (first === undefined || there.length < files.length) return;
    const rows = there.reduce((sum, file) => sum + file.rows, 0);
    await this.#countFresh(there, rows);
    const [found] = await this.#rows(
      `SELECT count(*)::DOUBLE AS known,
          count(*) FILTER (NOT EXISTS (SELECT 1 FROM fresh f WHERE f.id = e.id
            AND f."partition" = e."partition" AND f.position = e.position AND f."row" = e."row"))::DOUBLE AS lost
        FROM event e WHERE e.hour = '${first.hour}'`,
    );
    const [known, lost] = [Number(found?.['known']), Number(found?.['lost'])];
    demand(lost === 0, `version ${version} has compacted ${lost} events away of ${first.hour}`);
    const missed = this.#missed.get(first.hour) ?? 0;
    const more = rows - known;
    demand(
      more === missed,
      `version ${version} has ${more} events more than there were, not ${missed}`,
    );
    await this.#duck.run(`DELETE FROM event WHERE hour = '${first.hour}'`);
    const others = await this.#countFresh(there, rows);
    demand(
      others.idsBefore === 0,
      `${others.idsBefore} ids of ${first.hour} are in other hours too`,
    );
    await this.#duck.run('INSERT INTO event SELECT * FROM fresh');
    this.#missed.delete(first.hour);
    this.#compactions += 1;
  }

  /** Into `fresh`. Answers those that could be read: others were deleted meanwhile. */
  async #load(files: readonly AddedFile[]): Promise<AddedFile[]> {
    await this.#duck.run('TRUNCATE fresh');
    const there: AddedFile[] = [];
    for (const [hour, ofHour] of Map.groupBy(files, (file) => file.hour)) {
      const insert = (some: readonly AddedFile[]) =>
        this.#duck.run(
          `INSERT INTO fresh SELECT ${EVENT_OF_FILE}, '${hour}' FROM ${this.#readOf(some.map(({ path }) => path))}`,
        );
      for (let from = 0; from < ofHour.length; from += FILES_AT_ONCE) {
        const some = ofHour.slice(from, from + FILES_AT_ONCE);
        try {
          await insert(some);
          there.push(...some);
        } catch (error) {
          const left = new Set(await segmentsIn(this.#dir));
          const still = some.filter(({ path }) => left.has(path));
          if (still.length === some.length) throw error;
          if (still.length > 0) await insert(still);
          there.push(...still);
        }
      }
    }
    return there;
  }

  async #countFresh(files: readonly AddedFile[], rows: number) {
    const [found] = await this.#rows(
      `SELECT count(*)::DOUBLE AS events, count(DISTINCT id)::DOUBLE AS ids,
          count(DISTINCT ("partition", position, "row"))::DOUBLE AS places,
          (SELECT count(*) FROM event SEMI JOIN fresh USING (id))::DOUBLE AS ids_before,
          (SELECT count(*) FROM event SEMI JOIN fresh USING ("partition", position, "row"))::DOUBLE AS places_before
        FROM fresh`,
    );
    const of = (name: string) => Number(found?.[name]);
    const where = `in ${files.length} files, such as ${files[0]?.path}`;
    demand(of('events') === rows, `${of('events')} rows ${where}: the manifest says ${rows}`);
    demand(of('ids') === rows, `${rows - of('ids')} ids are there twice ${where}`);
    demand(of('places') === rows, `${rows - of('places')} places are there twice ${where}`);
    return { idsBefore: of('ids_before'), placesBefore: of('places_before') };
  }

  #readOf(paths: readonly string[]): string {
    const list = paths.map((path) => `'${join(this.#dir, path)}'`).join(', ');
    return `read_parquet([${list}], union_by_name = true, hive_partitioning = false)`;
  }

  /** The chain has no gap, each version follows from the one before, and none is ever written anew. */
  async #followManifest(): Promise<void> {
    const names = await namesIn(join(this.#dir, MANIFEST_FOLDER));
    const last = names.reduce((most, name) => {
      const parsed = parseManifestName(name);
      return parsed?.kind === 'version' ? Math.max(most, parsed.version) : most;
    }, 0);
    for (let next = (this.newest?.version ?? 0) + 1; next <= last; next++) {
      const version = await readVersion(this.#dir, next);
      this.#chain.follow(version);
      this.#unread.push(version);
    }
    if (this.newest === undefined) return;
    const { version, commit } = this.newest;
    const again = await readVersion(this.#dir, version);
    demand(again.commit === commit, `version ${version} of the manifest is another one now`);
  }

  async #rows(sql: string): Promise<Record<string, unknown>[]> {
    return (await this.#duck.runAndReadAll(sql)).getRowObjects();
  }
}

async function readVersion(dir: string, version: number): Promise<ManifestVersion> {
  try {
    return JSON.parse(await readFile(join(dir, versionPath(version)), 'utf8'));
  } catch (error) {
    throw new Finding(`version ${version} of the manifest cannot be read: ${error}`);
  }
}

/** What a reader of directories sees: folders whose names begin with `_` are not for it. */
async function segmentsIn(dir: string): Promise<string[]> {
  const paths: string[] = [];
  for (const tenant of (await namesIn(dir)).filter((name) => name.startsWith('tenant='))) {
    for (const name of await namesIn(join(dir, tenant), true)) {
      if (name.endsWith('.parquet')) paths.push(`${tenant}/${name}`);
    }
  }
  return paths;
}

/** Of a folder that may not be there yet. */
async function namesIn(folder: string, recursive = false): Promise<string[]> {
  try {
    return await readdir(folder, { recursive });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
