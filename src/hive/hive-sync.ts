/**
 * Keeps Hive at what the manifest says: a table for each stream, a partition for each hour. It follows the manifest at its
 * own pace; that Hive is down keeps nobody else, and is made up for when it is back. A table that Hive refuses keeps no
 * other table, and is compared as a whole the next time: what somebody dropped is there again then.
 */
import { setTimeout as timeout } from 'node:timers/promises';
import type { Archive } from '../../storage/archive/archive.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { hourFolder } from '../../storage/archive/segment-path.ts';
import type { Clock } from '../model/clock.ts';
import { type AppError, isFault } from '../model/errors.ts';
import type { HiveNumbers } from '../model/hive-numbers.ts';
import type { Logger } from '../model/logger.ts';
import { connectHive, type HiveConnection, type HiveServer } from './hive-client.ts';
import { LOOK_MS, RETRY_MS_MAX, RETRY_MS_MIN, VERSIONS_FOLLOWED_MAX } from './limits.ts';
import { Pending } from './pending.ts';
import { HivePositions } from './position.ts';
import { type HiveTable, hiveTables } from './table-names.ts';
import { ensureTable, syncPartitions } from './table-sync.ts';
import {
  type WantedPartition,
  type WantedPartitions,
  wantedPartitions,
} from './wanted-partitions.ts';

export interface HiveSettings extends HiveServer {
  /** Before the names of tenants. */
  readonly databasePrefix: string;
  /** How Hive opens the archive, if that differs from how we do; without a slash at its end. */
  readonly archiveUrl?: string | undefined;
}

export interface HiveSyncOptions {
  readonly settings: HiveSettings;
  readonly archive: Archive;
  /** The newest one all of whose files are at their paths; undefined, or empty, while nobody knows. Asked every two seconds. */
  readonly manifest: () => Manifest | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1): retries of several servers shall not fall together. */
  readonly random?: () => number;
  /** May end early, resolved or rejected, when the signal says so. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly connect?: (server: HiveServer, signal: AbortSignal) => Promise<HiveConnection>;
}

export interface HiveSync {
  numbers(): HiveNumbers;
  /** What is under way is given up, and done again after the next start. */
  close(): Promise<void>;
}

export function startHiveSync(options: HiveSyncOptions): HiveSync {
  const sync = new Synchroniser(options);
  const ended = sync.run();
  return {
    numbers: () => sync.numbers(),
    close: async () => {
      sync.stop();
      await ended;
    },
  };
}

class Synchroniser {
  readonly #options: HiveSyncOptions;
  readonly #archiveUrl: string;
  readonly #positions: HivePositions;
  readonly #versions: ManifestReader;
  readonly #stopping = new AbortController();
  readonly #pending = new Pending();
  /** Per stream the version of the schema that its table is known to have. */
  readonly #ensured = new Map<string, number>();
  /** Per stream an hour that Hive knows, with all columns, and in the folder that it has at first. */
  readonly #knownHour = new Map<string, number>();
  /** Undefined until it was read. */
  #told: number | undefined;
  /** Everything up to this version has been told or is pending. */
  #seen = 0;
  #behindSinceMs: number | undefined;
  #statements = 0;
  #failures = 0;
  #failuresInRow = 0;
  #problem: string | undefined;

  constructor(options: HiveSyncOptions) {
    this.#options = options;
    const { archive, settings, log } = options;
    this.#archiveUrl = settings.archiveUrl ?? archive.url;
    const { host, port, databasePrefix } = settings;
    this.#positions = new HivePositions(archive, [host, port, databasePrefix, this.#archiveUrl]);
    this.#versions = new ManifestReader(archive, log);
  }

  numbers(): HiveNumbers {
    const { clock, manifest } = this.#options;
    const version = this.#told ?? 0;
    const since = this.#behindSinceMs;
    return {
      version,
      versionsBehind: Math.max(0, (manifest()?.version ?? this.#seen) - version),
      behindMs: since === undefined ? 0 : Math.max(0, clock.now() - since),
      tablesBehind: this.#pending.streams.size,
      statements: this.#statements,
      failures: this.#failures,
      problem: this.#problem,
    };
  }

  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    const { signal } = this.#stopping;
    const sleep = this.#options.sleep ?? ((ms) => timeout(ms, undefined, { signal }));
    while (!signal.aborted) {
      const waitMs = await this.#look();
      if (signal.aborted) return;
      // It rejects for nothing but the signal.
      await sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** Answers when to look again. */
  async #look(): Promise<number> {
    const manifest = this.#options.manifest();
    if (manifest === undefined || manifest.version === 0) return LOOK_MS;
    try {
      await this.#collect(manifest);
      await this.#tell(manifest);
      await this.#remember();
      this.#recovered();
      return LOOK_MS;
    } catch (error) {
      if (this.#stopping.signal.aborted) return 0;
      return this.#failed(error);
    }
  }

  /** Finds out what Hive has not been told. */
  async #collect(manifest: Manifest): Promise<void> {
    this.#told ??= await this.#positions.read();
    const from = Math.max(this.#seen, this.#told);
    if (manifest.version === from) {
      this.#seen = from;
      return;
    }
    this.#behindSinceMs ??= this.#options.clock.now();
    const isFollowed =
      from > 0 && from < manifest.version && manifest.version - from <= VERSIONS_FOLLOWED_MAX;
    if (!isFollowed || !(await this.#follow(from, manifest))) this.#pending.addAll(manifest);
    this.#seen = manifest.version;
  }

  /** False if a version is no longer kept. */
  async #follow(from: number, manifest: Manifest): Promise<boolean> {
    for (let number = from + 1; number <= manifest.version; number++) {
      this.#stopping.signal.throwIfAborted();
      const version = await this.#versions.readVersion(number);
      if (version === undefined) return false;
      this.#pending.addVersion(version, manifest);
    }
    return true;
  }

  async #tell(manifest: Manifest): Promise<void> {
    const { streams } = this.#pending;
    if (streams.size === 0) return;
    const { settings } = this.#options;
    const tables = hiveTables(manifest.schemas.values(), settings.databasePrefix).filter(
      ({ schema }) => streams.has(streamKey(schema)),
    );
    const session = new Session(this.#options, this.#stopping.signal, () => {
      this.#statements++;
    });
    let refusal: AppError | undefined;
    const attempt = async ({ schema }: HiveTable, work: () => Promise<void>) => {
      try {
        await work();
      } catch (error) {
        const key = streamKey(schema);
        this.#ensured.delete(key);
        this.#knownHour.delete(key);
        if (!isFault(error, 'hive_refused')) throw error;
        this.#pending.addWhole(key);
        refusal ??= error;
      }
    };
    try {
      for (const table of tables) await attempt(table, () => this.#ensure(session, table));
      const wanted = this.#wantedPartitions(manifest);
      for (const table of tables) {
        const key = streamKey(table.schema);
        if (!this.#ensured.has(key)) continue;
        await attempt(table, () =>
          this.#tellPartitions(session, table, wanted.get(key) ?? new Map()),
        );
      }
    } finally {
      session.close();
    }
    if (refusal !== undefined) throw refusal;
  }

  /** Asks once a process, and when something is wrong: a table that somebody dropped gets all its partitions back. */
  async #ensure(session: Session, table: HiveTable): Promise<void> {
    const { schema, database } = table;
    const key = streamKey(schema);
    const isKnown = this.#ensured.get(key) === schema.version;
    if (isKnown && this.#pending.streams.get(key) !== 'all') return;
    const wasThere = await ensureTable((sql) => session.run(sql), table, this.#archiveUrl);
    if (!wasThere) this.#pending.addWhole(key);
    this.#ensured.set(key, schema.version);
    this.#knownHour.delete(key);
    if (!table.isRenamed) return;
    const { tenant, stream } = schema;
    this.#options.log.warn(
      { tenant, stream, database, table: table.table },
      'another stream has the name in Hive that this one would have had',
    );
  }

  #wantedPartitions(manifest: Manifest): WantedPartitions['hours'] {
    const { hours, split } = wantedPartitions(manifest, this.#pending.streams);
    if (split.size > 0) {
      this.#options.log.warn(
        { hours: [...split].slice(0, 10), count: split.size },
        'files of these hours lie in several folders, and Hive sees one of them',
      );
    }
    return hours;
  }

  async #tellPartitions(
    session: Session,
    table: HiveTable,
    wanted: ReadonlyMap<number, WantedPartition>,
  ): Promise<void> {
    const { schema } = table;
    const key = streamKey(schema);
    const asked = this.#pending.streams.get(key);
    if (asked === undefined) return;
    const isInPlace = (hourMs: number) =>
      wanted.get(hourMs)?.folder === hourFolder({ ...schema, hourMs });
    // Nothing but more files in the hour that Hive knows: so is most of what comes.
    const known = this.#knownHour.get(key);
    const isKnown =
      asked !== 'all' && [...asked].every((hourMs) => hourMs === known && isInPlace(hourMs));
    if (!isKnown) {
      await syncPartitions((sql) => session.run(sql), table, asked, wanted, this.#archiveUrl);
      this.#knownHour.delete(key);
      for (const hourMs of wanted.keys()) if (isInPlace(hourMs)) this.#knownHour.set(key, hourMs);
    }
    this.#pending.done(key);
  }

  async #remember(): Promise<void> {
    if (this.#told === this.#seen) return;
    await this.#positions.write(this.#seen, this.#options.clock.now());
    this.#told = this.#seen;
    this.#behindSinceMs = undefined;
  }

  #recovered(): void {
    if (this.#problem !== undefined) this.#options.log.info({}, 'Hive has everything again');
    this.#problem = undefined;
    this.#failuresInRow = 0;
  }

  /** Answers when to try again: a random time below a bound that doubles, so that servers do not come back together. */
  #failed(error: unknown): number {
    const problem = error instanceof Error ? error.message : String(error);
    // An outage is said once, not at each attempt.
    if (problem !== this.#problem) {
      this.#options.log.warn({ err: error }, 'Hive is not told of the newest segments just now');
    }
    this.#problem = problem;
    this.#failures++;
    const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(this.#failuresInRow, 30));
    this.#failuresInRow++;
    const random = this.#options.random ?? Math.random;
    return RETRY_MS_MIN / 2 + random() * (ceilingMs - RETRY_MS_MIN / 2);
  }
}

/** A session that is opened with its first statement: most looks have none. It is not kept, for servers forget idle ones. */
class Session {
  readonly #options: HiveSyncOptions;
  readonly #signal: AbortSignal;
  readonly #counted: () => void;
  #connection: HiveConnection | undefined;

  constructor(options: HiveSyncOptions, signal: AbortSignal, counted: () => void) {
    this.#options = options;
    this.#signal = signal;
    this.#counted = counted;
  }

  async run(statement: string) {
    const { connect = connectHive, settings } = this.#options;
    this.#connection ??= await connect(settings, this.#signal);
    this.#counted();
    return this.#connection.run(statement);
  }

  close(): void {
    this.#connection?.close();
  }
}
