/**
 * Where segments are kept: a tree of whole files that other programs read too. A local directory, HDFS and S3 are
 * archives; `test/contract/archive.ts` is what they all hold to.
 *
 * Paths are relative to the archive's root, with `/` between names; missing folders come into being. A file never
 * changes: it is put, moved and removed as a whole.
 */

export interface ArchiveEntry {
  readonly name: string;
  readonly isFolder: boolean;
  /** 0 for a folder. */
  readonly bytes: number;
  /** 0 where the archive does not know. */
  readonly modifiedMs: number;
}

/**
 * Every call rejects with `archive_unavailable` (out of reach, or only reading just now: later may work),
 * `archive_denied` (this user may not) or `archive_io` (anything else, with what the archive said).
 */
export interface Archive {
  /**
   * What other programs open: `file:///…`, `hdfs://…` or `s3://…`, without a slash at its end. Nothing in it is
   * percent-encoded: Hadoop's programs and DuckDB take each sign as it is.
   */
  readonly url: string;
  /** Stores a local file, in place of what was there; durable when it resolves. Half of it may be seen before. */
  put(path: string, localPath: string): Promise<void>;
  /** Stores `bytes` unless there is a file: of all that try, in any process, exactly one hears true. Nobody sees half of it. */
  create(path: string, bytes: Uint8Array): Promise<boolean>;
  /**
   * Moves a file in one step, or as near to that as the archive can; replaces nothing. May be repeated: a move that was
   * made before is no error. Rejects with `archive_missing` if neither file is there, `archive_io` if `to` was there before.
   */
  move(from: string, to: string): Promise<void>;
  /** The whole file; undefined if there is none. For small files. */
  read(path: string): Promise<Uint8Array | undefined>;
  /** Copies a file to a local path. Rejects with `archive_missing`. */
  fetch(path: string, localPath: string): Promise<void>;
  /** What lies directly in a folder, in the order of names (by code unit); none if there is no such folder. */
  list(folder: string): Promise<ArchiveEntry[]>;
  /** A file that is not there is no error. Empty folders above it may stay. */
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}
