/**
 * What the archive holds, as a chain of versions. A version is a small file that says what changed; it is created
 * exclusively, so that the chain is one line however many servers write. The design is that of Delta Lake's log
 * (Armbrust et al., VLDB 2020): now and then a checkpoint holds the sum, so that nobody reads the chain from its
 * beginning.
 *
 * A server claims the archive with a version of its own, which raises the epoch. It makes every later version with that epoch:
 * one that was overtaken finds its next version taken by a greater epoch, and knows.
 *
 * The nodes of a cluster write it together: a claim admits a node by its life, beside those that were admitted before. Who finds its next
 * version taken looks whether its commit can still follow, and tries the one behind. What must not happen twice is in the rules of the
 * chain: a cut of a partition follows only a manifest in which the partition ends where the cut begins.
 */
import type { StreamSchema } from '../../src/model/stream-schema.ts';

/** Of a server that has the archive alone. */
export const MANIFEST_FORMAT = 1;
/** Of the nodes of a cluster, which releases before them must not read as if it were one server's. */
export const SHARED_MANIFEST_FORMAT = 2;

export type ManifestFormat = typeof MANIFEST_FORMAT | typeof SHARED_MANIFEST_FORMAT;

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
  /** By how much the time of one of its rows lies ahead of its arrival, at most. Undefined: nobody has looked. */
  readonly aheadMaxMs?: number;
  /** `StreamSchema.version` that it was written with. */
  readonly schema: number;
}

/** Who writes. The log's id tells one server's positions from another's. */
export interface ManifestOwner {
  readonly journal: string;
  readonly host: string;
  readonly pid: number;
}

export type ManifestChange =
  | 'claim'
  | 'segments'
  | 'compaction'
  | 'erasure'
  | 'retention'
  | 'dismissal';

/** One version, as it is stored. Files of all earlier versions are at their paths by the time it is created. */
export interface ManifestVersion {
  readonly format: ManifestFormat;
  /** Counts from 1 without a gap. */
  readonly version: number;
  /** Made up by the writer, so that it knows its own version again when the answer to creating it was lost. */
  readonly commit: string;
  /** Of a node of a cluster its life. */
  readonly epoch: number;
  readonly owner: ManifestOwner;
  readonly atMs: number;
  readonly change: ManifestChange;
  /** Per partition: everything before this offset of the log is in the archive. Only those that moved. */
  readonly positions: Readonly<Record<number, number>>;
  /** In a cluster: for each of `positions`, where the partition ended before. */
  readonly after?: Readonly<Record<number, number>>;
  /** In a cluster: lives that may write no more, unless they are admitted again. What they have left may be taken away behind this version. */
  readonly dismissed?: readonly number[];
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
  /** The greatest so far. */
  readonly epoch: number;
  /** Who has claimed the archive, or in a cluster has written last; undefined while nobody has claimed it. */
  readonly owner: ManifestOwner | undefined;
  /** Lives of a cluster's nodes that may write; undefined: the owner alone. */
  readonly writers?: ReadonlySet<number>;
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
