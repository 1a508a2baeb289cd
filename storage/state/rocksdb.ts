/**
 * The state store on RocksDB. The main thread opens it, other threads attach to the same database by its handle.
 * Hardly anything here is synced as it is written: what a power cut takes is read again from the log (see `StateStore`).
 * Only what the log cannot give back, such as who has been told of an alarm, is committed synced.
 */
import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import { knownFreeBytes } from '../free-bytes.ts';
import { ROCKSDB_CACHE_BYTES, ROCKSDB_MEMTABLE_BYTES, STATE_PAGE_BYTES } from '../limits.ts';
import { serverKey } from './keys.ts';
import { RefusedWrites } from './refused-writes.ts';
import { RocksDatabase, type RocksLevel } from './rocksdb-binding.ts';
import { RowWrites } from './row-writes.ts';
import {
  type KeyRange,
  type ListingStore,
  ROWS_PER_PAGE,
  type StateOp,
  type StateReader,
  type StateRow,
  type StateStore,
} from './state.ts';

/** Raised with every change of keys or values that an older release would misread. */
export const STATE_VERSION = 1;

export interface StateOptions {
  readonly dir: string;
  /** Fixed at creation: ids and series are allocated per partition. */
  readonly partitions: number;
  /** May write rows before anything is read. Answers the least number that this life of the server may have. Default: `lifeAt` now. */
  readonly prepare?: ((store: StateStore) => Promise<number>) | undefined;
  /**
   * True unless it is said. The thread that commits compresses what is written ahead, for half of the disk's writing: a store that is
   * filled once and thrown away had rather have the time.
   */
  readonly isLogCompressed?: boolean;
}

/** What is decided once, when the store is created. */
export interface ServerRow {
  readonly version: number;
  readonly partitions: number;
  /** Seeds of the hashes of event ids: others cannot prepare ids that collide. */
  readonly dedupSeed: readonly [number, number];
  /** Names a life of the server: greater at each opening. */
  readonly starts: number;
}

/** What other threads attach to the store by. */
export interface StateHandle {
  readonly database: bigint;
  readonly rowWrites: SharedArrayBuffer;
  readonly refusedWrites: SharedArrayBuffer;
}

export interface OpenState extends ListingStore {
  readonly server: ServerRow;
  /** Hand it to `attachState` in other threads; they must have ended before `close`. */
  readonly handle: StateHandle;
  /** Of all threads. */
  readonly rowWrites: RowWrites;
  /** Of all threads. One write that a full disk has refused may have RocksDB refuse all others until it is opened anew. */
  readonly refusedWrites: RefusedWrites;
  /** Writes what is stored already. Rejects with `state_io` while the store takes no writes. */
  tryWrite(): Promise<void>;
  /** After it, every commit that returned before the call survives a power cut. Blocks the thread for one fdatasync. */
  syncedBarrier(): Promise<void>;
  close(): Promise<void>;
}

/** Wall clocks name lives, too: a log knows blocks of those of a folder that was lost, or of which an older copy was put back. */
export const lifeAt = (clock: Clock): number => Math.floor(clock.now() / 1_000);

/** Attached handles point into the opener's object: it must outlive them, whatever becomes of the caller's references. */
const opened = new Set<RocksLevel>();

/**
 * Opens or creates the store. Rejects with `state_version` if it was made by another layout or for another number
 * of partitions, and with `state_io`.
 */
export async function openState(options: StateOptions): Promise<OpenState> {
  const { dir, partitions, prepare, isLogCompressed } = options;
  const db = await openDatabase(dir, isLogCompressed);
  opened.add(db);
  const rowWrites = new RowWrites();
  const refusedWrites = new RefusedWrites();
  const store = storeOn(db, dir, rowWrites, refusedWrites);
  const close = async () => {
    await db.close();
    opened.delete(db);
  };
  try {
    const startsMin = (await prepare?.(store)) ?? lifeAt(systemClock);
    const stored = await readServerRow(store, dir, partitions);
    const server = { ...stored, starts: Math.max(stored.starts, startsMin) };
    const row = [{ key: serverKey(), value: encodeServer(server) }];
    await write(db, dir, row, true);
    return {
      ...store,
      server,
      handle: {
        database: db.handle,
        rowWrites: rowWrites.buffer,
        refusedWrites: refusedWrites.buffer,
      },
      rowWrites,
      refusedWrites,
      tryWrite: () => store.commit(row),
      // A synced write first syncs what earlier ones left in the write-ahead log.
      syncedBarrier: () => store.commit(row, 'synced'),
      pageDown: (range, rowsMax) =>
        explained('reading', dir, () => readPage(db, range, rowsMax, true)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The same store in another thread. It has no `close`: the opener's outlives it. */
export async function attachState(
  handle: StateHandle,
): Promise<StateStore & { readonly server: ServerRow }> {
  const db = new RocksDatabase(handle.database);
  await explained('attaching to', 'the state', () => db.open());
  const store = storeOn(
    db,
    'the state',
    new RowWrites(handle.rowWrites),
    new RefusedWrites(handle.refusedWrites),
  );
  const [row] = await store.getMany([serverKey()]);
  if (row === undefined) throw new AppError('state_corrupt', 'the state has no server row');
  return { ...store, server: decodeServer(row) };
}

/** Every row (of a range) as of the first page, whatever is committed meanwhile. For another thread than the opener's. */
export async function* snapshotOf(
  { database }: StateHandle,
  range?: KeyRange,
): AsyncGenerator<readonly StateRow[]> {
  const db = new RocksDatabase(database);
  await explained('attaching to', 'the state', () => db.open());
  // An iterator is a snapshot as of when it is made. It keeps files from being removed: not for longer than it takes.
  const bounds = range && { gte: range.from, lt: range.to };
  const iterator = db.iterator({ highWaterMarkBytes: STATE_PAGE_BYTES, ...bounds, ...BINARY });
  try {
    for (;;) {
      const rows = await explained('reading', 'the state', () =>
        iterator.nextv(SNAPSHOT_PAGE_ROWS),
      );
      if (rows.length === 0) return;
      yield rows.map(([key, value]) => ({ key, value }));
    }
  } finally {
    await iterator.close();
  }
}

/** Rows are small as a rule: `STATE_PAGE_BYTES` ends a page before. */
const SNAPSHOT_PAGE_ROWS = 100_000;

/** A store of exactly these rows, durable when it resolves. `dir` is empty or not there. Rejects with `state_corrupt`, `state_io`. */
export async function createStateFrom(
  dir: string,
  pages: AsyncIterable<readonly StateRow[]>,
): Promise<void> {
  const db = await openDatabase(dir);
  try {
    for await (const rows of pages) await write(db, dir, rows, false);
    const [server] = await db.getMany([serverKey()], BINARY);
    if (server === undefined) throw new AppError('state_corrupt', 'the state has no server row');
    await write(db, dir, [{ key: serverKey(), value: server }], true);
  } finally {
    await db.close();
  }
}

async function openDatabase(dir: string, isLogCompressed = true): Promise<RocksLevel> {
  const db = new RocksDatabase(dir, {
    createIfMissing: true,
    compaction: 'level',
    memtableMemoryBudget: ROCKSDB_MEMTABLE_BYTES,
    cacheSize: ROCKSDB_CACHE_BYTES,
    parallelism: 2,
    walCompression: isLogCompressed,
  });
  await explained('opening', dir, () => db.open());
  return db;
}

const BINARY = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

/** All that is written of an open store goes through it, whichever thread writes: so it is here that writes are counted, and those that are refused. */
const storeOn = (
  db: RocksLevel,
  path: string,
  rowWrites: RowWrites,
  refusedWrites: RefusedWrites,
): StateStore => ({
  getMany: (keys) =>
    keys.length === 0
      ? Promise.resolve([])
      : explained('reading', path, () => db.getMany(keys, BINARY)),
  page: (range, rowsMax) => explained('reading', path, () => readPage(db, range, rowsMax)),
  ranges: (ranges) => ({
    rows: (place) => pagesOf(db, path, ranges[place] as KeyRange),
    close: () => {},
  }),
  commit: (ops, durability) =>
    // One that fails may have written nevertheless.
    counted(write(db, path, ops, durability === 'synced'), refusedWrites).finally(() =>
      rowWrites.wrote(ops),
    ),
  clear: (range) =>
    counted(
      explained('writing', path, () => db.clear({ gte: range.from, lt: range.to, ...BINARY })),
      refusedWrites,
    ).finally(() => rowWrites.cleared(range)),
});

async function counted(writing: Promise<void>, refusedWrites: RefusedWrites): Promise<void> {
  try {
    await writing;
  } catch (fault) {
    refusedWrites.add();
    throw fault;
  }
}

/**
 * By one iterator: to make one is to look its first row up in every file, on this thread. So are the first rows read, mostly from the blocks
 * that this look has brought: of a busy machine two waits for a core, that of RocksDB's thread and then again that of this one, take longer than
 * all rows of a question that was asked before. Questions ask for the same rows again and again, so these stay in the cache.
 */
async function* pagesOf(
  db: RocksLevel,
  path: string,
  { from, to }: KeyRange,
): AsyncGenerator<readonly StateRow[]> {
  const iterator = db.iterator({
    gte: from,
    lt: to,
    highWaterMarkBytes: STATE_PAGE_BYTES,
    fillCache: true,
    ...BINARY,
  });
  try {
    const first = await explained('reading', path, async () => iterator._nextvSync(ROWS_AT_ONCE));
    yield pairsOf(first.rows);
    if (first.finished) return;
    for (;;) {
      const rows = await explained('reading', path, () => iterator.nextv(ROWS_PER_PAGE));
      if (rows.length === 0) return;
      yield rows.map(([key, value]) => ({ key, value }));
    }
  } finally {
    await iterator.close();
  }
}

/** More would hold the thread up for long where they are not in the cache, and fewer make the rows of a day by quarters of an hour two pages. */
const ROWS_AT_ONCE = 128;

function pairsOf(rows: readonly Buffer[]): StateRow[] {
  const pairs: StateRow[] = [];
  for (let i = 0; i < rows.length; i += 2) {
    pairs.push({ key: rows[i] as Buffer, value: rows[i + 1] as Buffer });
  }
  return pairs;
}

async function readPage(
  db: RocksLevel,
  range: KeyRange,
  rowsMax: number,
  reverse = false,
): Promise<StateRow[]> {
  const { from, to } = range;
  const iterator = db.iterator({
    gte: from,
    lt: to,
    highWaterMarkBytes: STATE_PAGE_BYTES,
    reverse,
    ...BINARY,
  });
  try {
    const rows = await iterator.nextv(rowsMax);
    return rows.map(([key, value]) => ({ key, value }));
  } finally {
    await iterator.close();
  }
}

function write(
  db: RocksLevel,
  path: string,
  ops: readonly StateOp[],
  sync: boolean,
): Promise<void> {
  return explained('writing', path, () => {
    const batch = db.batch();
    for (const { key, value } of ops) {
      if (value === undefined) batch.del(key, BINARY);
      else batch.put(key, value, BINARY);
    }
    return batch.write({ sync });
  });
}

async function explained<T>(doing: string, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const reason = reasonOf(cause);
    if (/lock file|lock hold/i.test(reason)) {
      throw new AppError(
        'log_locked',
        'another server has this data directory open: stop it, or give this one a directory of its own',
        { path },
        cause,
      );
    }
    throw new AppError(
      'state_io',
      `${doing} the state failed: ${reason}; check space${await freeIn(path)} and permissions`,
      { path },
      cause,
    );
  }
}

/** In brackets; empty where nobody knows. */
async function freeIn(path: string): Promise<string> {
  const bytes = await knownFreeBytes(path);
  return bytes === undefined ? '' : ` (${bytes} bytes are free)`;
}

/** The binding wraps what RocksDB said in an error of its own. */
function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.cause instanceof Error ? cause.cause.message : cause.message;
}

async function readServerRow(
  reader: StateReader,
  dir: string,
  partitions: number,
): Promise<ServerRow> {
  const [stored] = await reader.getMany([serverKey()]);
  if (stored === undefined) {
    const seed = randomBytes(8);
    return {
      version: STATE_VERSION,
      partitions,
      dedupSeed: [seed.readUInt32LE(0), seed.readUInt32LE(4)],
      starts: 1,
    };
  }
  const server = decodeServer(stored);
  const location = { path: dir };
  if (server.version !== STATE_VERSION) {
    throw new AppError(
      'state_version',
      `expected state layout ${STATE_VERSION}, found ${server.version}: run the release that wrote it, or start with an empty data directory`,
      location,
    );
  }
  if (server.partitions !== partitions) {
    throw new AppError(
      'state_version',
      `the data directory was created with ${server.partitions} partitions, the configuration says ${partitions}: set partitions to ${server.partitions}`,
      location,
    );
  }
  return { ...server, starts: server.starts + 1 };
}

const encodeServer = (server: ServerRow): Uint8Array => Buffer.from(JSON.stringify(server));

/** Throws `state_corrupt`. */
export function decodeServer(row: Uint8Array): ServerRow {
  try {
    const server: ServerRow = JSON.parse(Buffer.from(row).toString());
    return server;
  } catch (cause) {
    throw new AppError('state_corrupt', 'the row about the store is not JSON', {}, cause);
  }
}
