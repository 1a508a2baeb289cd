/** Cuts and compactions of a simulated log, whose files are the lists of the blocks in them. */
import type { Hours } from '../../../actors/archiver/hours.ts';
import { HOUR_MS } from '../../../src/model/units.ts';
import type { Archive } from '../../../storage/archive/archive.ts';
import type { Manifest, SegmentFile } from '../../../storage/archive/manifest.ts';
import type { NewSegment, SegmentCommit } from '../../../storage/archive/segment-commit.ts';
import {
  rewrittenFolder,
  rewrittenPath,
  segmentPath,
} from '../../../storage/archive/segment-path.ts';
import { BLOCK_BYTES, blockName, blocksIn, contentOf } from './commit-model.ts';

/** Of each partition. */
export const BLOCKS_MAX = 24;

/** Up to `blocksMax` blocks more of each of these partitions, in files of one stream and hour. */
export function cutOf(
  hours: Hours,
  partitions: Iterable<number>,
  blocksMax: number,
): SegmentCommit {
  const { manifest, committer } = hours;
  const files: NewSegment[] = [];
  const positions = new Map<number, number>();
  for (const partition of partitions) {
    const from = manifest.positions.get(partition) ?? 0;
    const to = Math.min(from + blocksMax * BLOCK_BYTES, BLOCKS_MAX * BLOCK_BYTES);
    positions.set(partition, to);
    const byPlace = new Map<string, string[]>();
    for (let offset = from; offset < to; offset += BLOCK_BYTES) {
      const hour = Math.floor(offset / BLOCK_BYTES / 8);
      const stream = `s${(offset / BLOCK_BYTES) % 2}`;
      const place = hours.folderFor({ tenant: 't', stream, hourMs: hour * HOUR_MS });
      byPlace.set(place, [...(byPlace.get(place) ?? []), blockName(partition, offset)]);
    }
    for (const [folder, blocks] of byPlace) {
      const { epoch } = committer.next;
      const path = segmentPath({ folder, partition, from, to, epoch });
      files.push(segment({ ...fileAt(path), partition, from, to, rows: blocks.length }, blocks));
    }
  }
  return { positions, files, schemas: [] };
}

/** A file with the blocks of several, which it reads as anybody would; undefined if one of them is not there. */
export async function compactedOf(
  archive: Archive,
  files: readonly SegmentFile[],
  version: number,
): Promise<NewSegment | undefined> {
  const blocks: string[] = [];
  for (const { path } of files) {
    const bytes = await archive.read(path);
    if (bytes === undefined) return undefined;
    blocks.push(...blocksIn(bytes));
  }
  const folder = rewrittenFolder(files[0] ?? NO_FILE, version);
  const from = Math.min(...files.map((file) => file.from));
  const to = Math.max(...files.map((file) => file.to));
  const path = rewrittenPath(folder, 0, { from, to });
  return segment({ ...fileAt(path), from, to, rows: blocks.length }, blocks);
}

export const isArchived = ({ positions }: Manifest, partitions: number): boolean =>
  Array.from({ length: partitions }, (_, partition) => positions.get(partition)).every(
    (position) => position === BLOCKS_MAX * BLOCK_BYTES,
  );

const segment = (file: Omit<SegmentFile, 'bytes'>, blocks: readonly string[]): NewSegment => {
  const content = contentOf(blocks);
  return { file: { ...file, bytes: content.length }, localPath: content.toString() };
};

function fileAt(path: string) {
  const hourMs = Number(/hour=(\d\d)/.exec(path)?.[1]) * HOUR_MS;
  const stream = /stream=(\w+)/.exec(path)?.[1] ?? '';
  return { path, tenant: 't', stream, hourMs, tsMinMs: 0, tsMaxMs: 0, schema: 0 };
}

/** In an hour that has none. */
export const NO_FILE: SegmentFile = segment(
  { ...fileAt('tenant=t/stream=none/hour=99'), from: 0, to: 0, rows: 0 },
  [],
).file;
