/**
 * What the archive holds, as a chain of versions. A version is a small file that says what changed; it is created
 * exclusively, so that the chain is one line however many servers write. The design is that of Delta Lake's log
 * (Armbrust et al., VLDB 2020): now and then a checkpoint holds the sum, so that nobody reads the chain from its
 * beginning.
 *
 * A server claims the archive with a version of its own, which raises the epoch. It makes every later version with that epoch:
 * one that was overtaken finds its next version taken by a greater epoch, and knows.
 */
import type { StreamSchema } from '../../src/model/stream-schema.ts';

export const MANIFEST_FORMAT = 1;

/** A Parquet file: blocks of one partition in `[from, to)`, of one stream, that arrived within one hour (UTC). */
export interface SegmentFile {
  /**
   * In the archive: `tenant=T/stream=S/dt=YYYY-MM-DD/hour=HH/p<partition>-<from>-<to>-e<epoch>.parquet`. The files of an hour
   * lie in one folder, `hour=HH-c<version>` after that version has rewritten them.
   */
  readonly path: string;
  readonly tenant: string;
  readonly stream: string;
  /** The hour in which its events arrived, as its first millisecond. */
  readonly hourMs: number;
  /** Undefined for a compacted file, which holds several partitions' blocks. */
  readonly partition?: number;
  /** Log positions: the first block's offset, and that behind the last one. Of a compacted file the least and greatest. */
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly bytes: number;
  /** Event times of its rows. */
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  /** `StreamSchema.version` that it was written with. */
  readonly schema: number;
}

/** Who writes. The log's id tells one server's positions from another's. */
export interface ManifestOwner {
  readonly journal: string;
  readonly host: string;
  readonly pid: number;
}

export type ManifestChange = 'claim' | 'segments' | 'compaction' | 'erasure' | 'retention';

/** One version, as it is stored. Files of all earlier versions are at their paths by the time it is created. */
export interface ManifestVersion {
  readonly format: typeof MANIFEST_FORMAT;
  /** Counts from 1 without a gap. */
  readonly version: number;
  /** Made up by the writer, so that it knows its own version again when the answer to creating it was lost. */
  readonly commit: string;
  readonly epoch: number;
  readonly owner: ManifestOwner;
  readonly atMs: number;
  readonly change: ManifestChange;
  /** Per partition: everything before this offset of the log is in the archive. Only those that moved. */
  readonly positions: Readonly<Record<number, number>>;
  readonly add: readonly SegmentFile[];
  /** Paths. The files are deleted some time later: readers may still hold an older version. */
  readonly remove: readonly string[];
  /** Paths that earlier versions removed, and that have been deleted since. */
  readonly deleted: readonly string[];
  /** Those that are new or have grown. */
  readonly schemas: readonly StreamSchema[];
}

/** The sum of all versions up to one. */
export interface Manifest {
  readonly version: number;
  readonly epoch: number;
  /** Undefined while nobody has claimed the archive. */
  readonly owner: ManifestOwner | undefined;
  /** Of the owner's log: empty again once another log's server has taken the archive over. */
  readonly positions: ReadonlyMap<number, number>;
  /** By path. */
  readonly files: ReadonlyMap<string, SegmentFile>;
  /** Path of each removed file that may still be there, and when it was removed. */
  readonly removed: ReadonlyMap<string, number>;
  /** By `tenant/stream`. */
  readonly schemas: ReadonlyMap<string, StreamSchema>;
}

export const EMPTY_MANIFEST: Manifest = {
  version: 0,
  epoch: 0,
  owner: undefined,
  positions: new Map(),
  files: new Map(),
  removed: new Map(),
  schemas: new Map(),
};
