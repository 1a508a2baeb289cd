/**
 * DuckDB within limits. Its native library (some 45 MB of memory) is loaded by whoever first opens it, never by a thread
 * that only imports this.
 */
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import { listOf, literal } from './segment-columns.ts';

/** Sorting spills little more than the rows it holds, uncompressed: this is several cuts of a million rows. */
const TEMP_BYTES_MAX = 8 * 1024 ** 3;

export interface DuckSettings {
  readonly threads: number;
  /** Of its buffers; what it allocates beside them is some tens of MB. */
  readonly memoryBytesMax: number;
  /** Where it puts what does not fit: a folder of its own, which it makes. */
  readonly tempDir: string;
  readonly tempBytesMax?: number;
}

/** What may be read and written. */
export interface DuckFiles {
  /** Files are read and written below these folders, the one for spilling and of `files` only. No network, no extensions but those that are built in. */
  readonly folders: readonly string[];
  /** Besides these, which may be read and written. */
  readonly files?: readonly string[];
}

export interface DuckOptions extends DuckSettings, DuckFiles {}

export class Duck {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;

  constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /** Another connection, which the caller disconnects: queries on two of them run side by side. */
  connect(): Promise<DuckDBConnection> {
    return this.#instance.connect();
  }

  /** For statements without many rows. One at a time: later ones wait. */
  async rows(sql: string): Promise<Record<string, DuckDBValue>[]> {
    return (await this.#connection.runAndReadAll(sql)).getRowObjects();
  }

  /** Stops what runs: it rejects. */
  interrupt(): void {
    this.#connection.interrupt();
  }

  /** Nothing may be running. */
  close(): void {
    this.#connection.disconnectSync();
    this.#instance.closeSync();
  }
}

/** What makes segments needs of it, wherever it is. */
export type Statements = Pick<Duck, 'rows' | 'interrupt' | 'close'>;

/** An empty database in memory. */
export async function openDuck(options: DuckOptions): Promise<Duck> {
  return (await openUnused(options)).confined(options);
}

/** A database in which nothing runs before it is known what may be read: opening one takes as long as reading some files. */
export class UnusedDuck {
  readonly #instance: DuckDBInstance;
  readonly #tempDir: string;

  constructor(instance: DuckDBInstance, tempDir: string) {
    this.#instance = instance;
    this.#tempDir = tempDir;
  }

  /** Once. */
  async confined({ folders, files = [] }: DuckFiles): Promise<Duck> {
    try {
      const connection = await this.#instance.connect();
      const within = [this.#tempDir, ...folders].map((folder) => literal(`${folder}/`));
      await connection.run("SET GLOBAL TimeZone = 'UTC'");
      await connection.run(`SET GLOBAL allowed_directories = [${within.join(', ')}]`);
      await connection.run(
        `SET GLOBAL allowed_paths = ${files.length === 0 ? '[]' : listOf(files)}`,
      );
      await connection.run('SET GLOBAL enable_external_access = false');
      await connection.run('SET GLOBAL lock_configuration = true');
      return new Duck(this.#instance, connection);
    } catch (error) {
      this.#instance.closeSync();
      throw error;
    }
  }
}

export async function openUnused(options: DuckSettings): Promise<UnusedDuck> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: bytes(options.memoryBytesMax),
    temp_directory: options.tempDir,
    max_temp_directory_size: bytes(options.tempBytesMax ?? TEMP_BYTES_MAX),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    enable_external_file_cache: 'false',
    // Else files are written by way of batches that wait in memory. A query without an order has, with one thread, that
    // of its file all the same.
    preserve_insertion_order: 'false',
  });
  return new UnusedDuck(instance, options.tempDir);
}

const bytes = (count: number): string => `${Math.floor(count)}B`;
