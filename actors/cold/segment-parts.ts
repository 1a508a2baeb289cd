/** Segments as they are read for a question: by themselves, or several from one file into which they were put together. */
import { ok as assert } from 'node:assert';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { SegmentJoin, SegmentJoins } from './segment-joins.ts';

/** A file of this disk with all rows of these segments, which are of one schema. */
export type SegmentPart = SegmentJoin;

export interface PartLease {
  /** Every segment that was asked for is in one of them, and no other. */
  readonly parts: readonly SegmentPart[];
  release(): void;
}

export interface PartTools {
  readonly segments: SegmentFiles;
  readonly joins: Pick<SegmentJoins, 'take'>;
}

/** `known`: all files of the stream. Rejects as `SegmentFiles.lease` does. */
export async function leaseParts(
  { segments, joins }: PartTools,
  asked: readonly SegmentFile[],
  known: readonly SegmentFile[],
): Promise<PartLease> {
  const taken = joins.take(asked, known);
  try {
    const { parts, release } = await leaseSingle(segments, taken.rest);
    return {
      parts: [...taken.joins, ...parts],
      release() {
        release();
        taken.release();
      },
    };
  } catch (error) {
    taken.release();
    throw error;
  }
}

/** Each by itself. Rejects as `SegmentFiles.lease` does. */
export async function leaseSingle(
  segments: SegmentFiles,
  asked: readonly SegmentFile[],
): Promise<PartLease> {
  const lease = await segments.lease(asked);
  const parts = asked.map((file): SegmentPart => {
    const localPath = lease.paths.get(file.path);
    assert(localPath !== undefined, 'every file of a lease has a path');
    return { localPath, files: [file] };
  });
  return { parts, release: () => lease.release() };
}
