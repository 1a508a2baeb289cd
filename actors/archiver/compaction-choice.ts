/** Which hours are worth compacting, when, and which of their files become one. Pure. */
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import { hourFolder } from '../../storage/archive/segment-path.ts';
import { endOf, type Hour } from './hours.ts';
import { CROWDED_FILES, GROUP_FILES_MAX, LATE_FILES } from './limits.ts';

export interface CompactionPolicy {
  readonly enabled: boolean;
  /** About what a file has at the end. */
  readonly fileBytes: number;
  /** From the end of an hour until its files are taken to be complete, or from the last that came. */
  readonly afterMs: number;
}

/**
 * From when on an hour is compacted; infinite: it would have as many files as before. Files that come later are left until they are
 * many or no more come, so that an hour is not rewritten for each.
 */
export function compactionDueMs(hour: Hour, policy: CompactionPolicy): number {
  const saved = filesSaved(hour.files.values(), policy.fileBytes);
  if (saved === 0) return Number.POSITIVE_INFINITY;
  if (hour.files.size >= CROWDED_FILES) return 0;
  const overMs = endOf(hour) + policy.afterMs;
  const isCompacted = hour.folder !== hourFolder(hour);
  if (isCompacted && saved >= LATE_FILES) return overMs;
  return Math.max(overMs, hour.changedMs + policy.afterMs);
}

/** How many files fewer there are after `groupFiles`. */
export function filesSaved(files: Iterable<SegmentFile>, fileBytes: number): number {
  const small = [...files].filter(({ bytes }) => bytes < fileBytes);
  return small.length < 2 ? 0 : small.length - groupSmall(small, fileBytes).length;
}

/**
 * Files that become one each: those that are large enough stay alone, the others make as few of about that size as they can. Neighbours
 * in the log stay together, and so do files of one schema: where a field is looked for depends on it.
 */
export const groupFiles = (files: readonly SegmentFile[], fileBytes: number): SegmentFile[][] => [
  ...files.filter(({ bytes }) => bytes >= fileBytes).map((file) => [file]),
  ...groupSmall(
    files.filter(({ bytes }) => bytes < fileBytes),
    fileBytes,
  ),
];

const groupSmall = (small: readonly SegmentFile[], fileBytes: number): SegmentFile[][] =>
  [...Map.groupBy(small, ({ schema }) => schema).values()].flatMap((some) =>
    groupAlike(some, fileBytes),
  );

/** Of even size: each but the last has at least its share, and less than a file more. */
function groupAlike(small: readonly SegmentFile[], fileBytes: number): SegmentFile[][] {
  const { bytes: total } = totalOf(small);
  const share = total / Math.ceil(total / fileBytes);
  const groups: SegmentFile[][] = [];
  let group: SegmentFile[] = [];
  let bytes = 0;
  for (const file of small.toSorted((a, b) => a.from - b.from)) {
    if (group.length === 0) groups.push(group);
    group.push(file);
    bytes += file.bytes;
    if (bytes < share && group.length < GROUP_FILES_MAX) continue;
    group = [];
    bytes = 0;
  }
  return groups;
}
