/** The RocksDB binding, which has no types of its own: only what we use of it is declared. */
import { createRequire } from 'node:module';

interface BinaryEncoding {
  readonly keyEncoding: 'buffer';
  readonly valueEncoding: 'buffer';
}

export interface RocksIterator {
  /**
   * On this thread: keys and values by turns. `abstract-level` knows no such thing, so it is called as the binding calls it itself. To be
   * followed by `nextv`, and not to be called beside it.
   */
  _nextvSync(size: number): { readonly rows: readonly Buffer[]; readonly finished: boolean };
  nextv(size: number): Promise<[Buffer, Buffer][]>;
  close(): Promise<void>;
}

export interface RocksBatch {
  put(key: Uint8Array, value: Uint8Array, options: BinaryEncoding): this;
  del(key: Uint8Array, options: BinaryEncoding): this;
  /** Writes before it returns, although it answers a promise. */
  write(options: { readonly sync: boolean }): Promise<void>;
}

export interface RocksRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

export interface RocksLevel {
  /** Of the open database, to be handed to `new RocksLevel` in another thread. Dangles once this object is collected. */
  readonly handle: bigint;
  open(): Promise<void>;
  close(): Promise<void>;
  getMany(keys: readonly Uint8Array[], options: BinaryEncoding): Promise<(Buffer | undefined)[]>;
  batch(): RocksBatch;
  clear(range: RocksRange & BinaryEncoding): Promise<void>;
  iterator(
    range: Partial<RocksRange> &
      BinaryEncoding & {
        readonly highWaterMarkBytes: number;
        readonly reverse?: boolean;
        /** Blocks that are read are kept in the cache. */
        readonly fillCache?: boolean;
      },
  ): RocksIterator;
}

interface RocksModule {
  readonly RocksLevel: new (
    location: string | bigint,
    options?: Readonly<Record<string, unknown>>,
  ) => RocksLevel;
}

const module: RocksModule = createRequire(import.meta.url)('@nxtedition/rocksdb');
export const RocksDatabase = module.RocksLevel;
