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
  return small.length === 0 ? 0 : small.length - groupCount(small, fileBytes);
}

/**
 * Files that become one each: those that are large enough stay alone, the others make as few of about that size as they can. Neighbours
 * in the log stay together.
 */
export function groupFiles(files: readonly SegmentFile[], fileBytes: number): SegmentFile[][] {
  const groups = files.filter(({ bytes }) => bytes >= fileBytes).map((file) => [file]);
  const small = files.filter(({ bytes }) => bytes < fileBytes).sort((a, b) => a.from - b.from);
  if (small.length === 0) return groups;
  const count = groupCount(small, fileBytes);
  const share = totalOf(small).bytes / count;
  let group: SegmentFile[] = [];
  let bytes = 0;
  let made = 0;
  for (const file of small) {
    group.push(file);
    bytes += file.bytes;
    const isFull = bytes >= share * (made + 1) || group.length === GROUP_FILES_MAX;
    if (!isFull || made === count - 1) continue;
    groups.push(group);
    group = [];
    made += 1;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

function groupCount(small: readonly SegmentFile[], fileBytes: number): number {
  const bySize = Math.ceil(totalOf(small).bytes / fileBytes);
  return Math.min(small.length, Math.max(1, bySize, Math.ceil(small.length / GROUP_FILES_MAX)));
}
