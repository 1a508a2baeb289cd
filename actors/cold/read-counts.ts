/** What questions about single events read, added up for those who run the server. */
import type { ReadNumbers } from './questions.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { SegmentJoins } from './segment-joins.ts';
import type { Snapshots } from './snapshots.ts';

export class ReadCounts {
  #files = 0;
  #rows = 0;
  readonly #segments: SegmentFiles;
  readonly #joins: SegmentJoins;
  readonly #snapshots: Snapshots;
  /** As these are, and every file that is given away by them is counted. */
  readonly segments: SegmentFiles;
  readonly joins: Pick<SegmentJoins, 'take'>;
  readonly snapshots: Pick<Snapshots, 'take' | 'forget'>;

  constructor(segments: SegmentFiles, joins: SegmentJoins, snapshots: Snapshots) {
    this.#segments = segments;
    this.#joins = joins;
    this.#snapshots = snapshots;
    this.segments = {
      lease: async (files) => {
        const lease = await segments.lease(files);
        for (const { rows } of files) this.#add(rows);
        return lease;
      },
      localPath: (file) => segments.localPath(file),
      held: () => segments.held(),
      forget: () => segments.forget(),
    };
    this.joins = {
      take: (asked, known) => {
        const taken = joins.take(asked, known);
        for (const { files } of taken.joins) for (const { rows } of files) this.#add(rows);
        return taken;
      },
    };
    this.snapshots = {
      take: async (tenant, streams) => {
        const snapshot = await snapshots.take(tenant, streams);
        for (const { chunks } of snapshot.streams.values()) {
          for (const { file } of chunks) this.#add(file.rows);
        }
        return snapshot;
      },
      forget: () => snapshots.forget(),
    };
  }

  numbers(): ReadNumbers {
    const { fetchedBytes, cachedBytes } = this.#segments.held();
    return {
      filesRead: this.#files,
      rowsRead: this.#rows,
      tailBytes: this.#snapshots.tailBytes,
      fetchedBytes,
      cachedBytes,
      joinedBytes: this.#joins.bytes,
    };
  }

  #add(rows: number): void {
    this.#files += 1;
    this.#rows += rows;
  }
}
