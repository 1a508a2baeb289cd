/** What operators see of the archive, and what they may ask of it. */
import type { ArchiverNumbers } from '../../actors/archiver/protocol.ts';
import type { HistoryQuery, ManifestHistory } from '../../storage/archive/manifest-history.ts';
import type { SegmentPage, SegmentQuery } from '../../storage/archive/segment-list.ts';
import type { HiveNumbers } from '../model/hive-numbers.ts';

export type { ArchiverNumbers, HistoryQuery, ManifestHistory, SegmentPage, SegmentQuery };

export interface ArchiveView {
  /** What other programs open. Undefined until the archive has been opened for the first time. */
  readonly url: string | undefined;
  /** As `url`. */
  readonly numbers: ArchiverNumbers | undefined;
  /** Why nothing is archived just now. */
  readonly problem: string | undefined;
  /** Undefined where no Hive is told, and while nothing is archived. */
  readonly hive: HiveNumbers | undefined;
}

/** Undefined where there is no archive. */
export interface ArchivePort {
  view(): Promise<ArchiveView>;
  /** As of the newest version whose files are all in their places. */
  segments(query: SegmentQuery): Promise<SegmentPage>;
  /** As of the same version. */
  history(query: HistoryQuery): Promise<ManifestHistory>;
  /** Resolves when everything that is committed now is in the archive; with `compact` in few files an hour. */
  archiveNow(compact?: boolean): Promise<ArchiverNumbers>;
}
