/**
 * Looks at an archive from outside, as a reader of directories does and with DuckDB: at any moment, whether its server runs or is dead,
 * every file that can be seen is one that the manifest has named, and no event is in two places.
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
import type { Series } from './verify.ts';

const LOOK_MS = 50;
/** Of one statement: a longer list is a longer text. */
const FILES_AT_ONCE = 200;
const EVENT =
  'id VARCHAR, type VARCHAR, minute BIGINT, duration DOUBLE, "partition" INTEGER, position BIGINT, "row" INTEGER';
const EVENT_OF_FILE = `id, type, epoch_ms(date_trunc('minute', ts)) AS minute, duration_ms AS duration,
  _partition AS "partition", _position AS position, _row AS "row"`;

/** Something that must never be. */
export class Finding extends Error {}

export class ArchiveWatch {
  readonly #dir: string;
  readonly #duck: DuckDBConnection;
  readonly #seen = new Set<string>();
  /** Rows of each file that any version has added. */
  readonly #added = new Map<string, number>();
  readonly #positions = new Map<string, number>();
  #newest: ManifestVersion | undefined;
  #looking: Promise<void> = Promise.resolve();
  #looks = 0;
  #isStopped = false;
  #watching: Promise<void> = Promise.resolve();
  #finding: unknown;

  static async open(dir: string): Promise<ArchiveWatch> {
    const duck = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
    await duck.run(`CREATE TABLE event (${EVENT}); CREATE TABLE fresh (${EVENT})`);
    return new ArchiveWatch(dir, duck);
  }

  private constructor(dir: string, duck: DuckDBConnection) {
    this.#dir = dir;
    this.#duck = duck;
  }

  get looks(): number {
    return this.#looks;
  }

  get files(): number {
    return this.#seen.size;
  }

  /** What the newest version says. */
  get newest(): ManifestVersion | undefined {
    return this.#newest;
  }

  /** The log before it is in the archive. */
  get archivedTo(): number {
    return Math.min(...this.#positions.values());
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

  /** Everything is in its place: reads all of it anew, as somebody who comes now. Answers how many events there are. */
  async readWhole(): Promise<number> {
    await this.look();
    const visible = new Set(await segmentsIn(this.#dir));
    for (const path of this.#added.keys())
      demand(visible.has(path), `${path} is committed and not there`);
    if (visible.size === 0) return 0;
    const [row] = await this.#rows(
      `SELECT count(*)::DOUBLE AS events, count(DISTINCT id)::DOUBLE AS ids,
          count(DISTINCT (_partition, _position, _row))::DOUBLE AS places
        FROM read_parquet('${this.#dir}/tenant=*/**/*.parquet', union_by_name = true)`,
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
    const visible = await segmentsIn(this.#dir);
    await this.#followManifest();
    this.#looks += 1;
    const fresh = visible.filter((path) => !this.#seen.has(path));
    demand(
      visible.length === this.#seen.size + fresh.length,
      `${this.#seen.size} files could be seen, and some of them are gone`,
    );
    for (let from = 0; from < fresh.length; from += FILES_AT_ONCE) {
      await this.#readFresh(fresh.slice(from, from + FILES_AT_ONCE));
    }
  }

  async #readFresh(paths: readonly string[]): Promise<void> {
    let rows = 0;
    for (const path of paths) {
      const named = this.#added.get(path);
      demand(named !== undefined, `${path} can be seen, and no version names it`);
      rows += named ?? 0;
      this.#seen.add(path);
    }
    const list = paths.map((path) => `'${join(this.#dir, path)}'`).join(', ');
    await this.#duck.run(
      `TRUNCATE fresh; INSERT INTO fresh SELECT ${EVENT_OF_FILE}
        FROM read_parquet([${list}], union_by_name = true, hive_partitioning = false)`,
    );
    const [found] = await this.#rows(
      `SELECT count(*)::DOUBLE AS events, count(DISTINCT id)::DOUBLE AS ids,
          count(DISTINCT ("partition", position, "row"))::DOUBLE AS places,
          (SELECT count(*) FROM event SEMI JOIN fresh USING (id))::DOUBLE AS ids_before,
          (SELECT count(*) FROM event SEMI JOIN fresh USING ("partition", position, "row"))::DOUBLE AS places_before
        FROM fresh`,
    );
    const of = (name: string) => Number(found?.[name]);
    const where = `in ${paths.length} files, such as ${paths[0]}`;
    demand(of('events') === rows, `${of('events')} rows ${where}: the manifest says ${rows}`);
    const idsTwice = of('events') - of('ids') + of('ids_before');
    demand(idsTwice === 0, `${idsTwice} ids are there twice ${where}`);
    const placesTwice = of('events') - of('places') + of('places_before');
    demand(placesTwice === 0, `${placesTwice} places of the log are there twice ${where}`);
    await this.#duck.run('INSERT INTO event SELECT * FROM fresh');
  }

  /** The chain has no gap, each version follows from the one before, and none is ever written anew. */
  async #followManifest(): Promise<void> {
    const names = await namesIn(join(this.#dir, MANIFEST_FOLDER));
    const last = names.reduce((most, name) => {
      const parsed = parseManifestName(name);
      return parsed?.kind === 'version' ? Math.max(most, parsed.version) : most;
    }, 0);
    for (let next = (this.#newest?.version ?? 0) + 1; next <= last; next++) {
      this.#follow(await readVersion(this.#dir, next));
    }
    if (this.#newest === undefined) return;
    const { version, commit } = this.#newest;
    const again = await readVersion(this.#dir, version);
    demand(again.commit === commit, `version ${version} of the manifest is another one now`);
  }

  #follow(version: ManifestVersion): void {
    const before = this.#newest?.epoch ?? 0;
    const epoch = version.change === 'claim' ? before + 1 : before;
    const name = `version ${version.version} of the manifest`;
    demand(version.epoch === epoch, `${name}: expected epoch ${epoch}, received ${version.epoch}`);
    for (const [partition, position] of Object.entries(version.positions)) {
      const was = this.#positions.get(partition) ?? 0;
      demand(
        position >= was,
        `${name}: partition ${partition} goes back from ${was} to ${position}`,
      );
      this.#positions.set(partition, position);
    }
    for (const { path, rows } of version.add) {
      demand(!this.#added.has(path), `${name} adds ${path}, which was added before`);
      this.#added.set(path, rows);
    }
    this.#newest = version;
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

export function demand(isRight: boolean, wrong: string): asserts isRight {
  if (!isRight) throw new Finding(wrong);
}
