/** Reads a stretch of the log, all partitions in the order of the log. */
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { JOURNAL_READ_BYTES } from '../../storage/limits.ts';
import type { LogReader } from '../../storage/log/log.ts';

/** Of each partition its blocks in `[from, to)`; both are block boundaries, and durable. */
export interface Stretch {
  readonly from: ReadonlyMap<number, Offset>;
  readonly to: ReadonlyMap<number, Offset>;
}

export type OpenReader = (from: ReadonlyMap<number, Offset>) => LogReader;

export interface EventBlock {
  readonly block: Block;
  readonly offset: Offset;
}

/**
 * Hands the blocks of events to `visit`, in portions that were read together. It may answer with the offset of a block: the
 * stretch ends before it. Answers how far the walk came, in boundaries as those of the stretch.
 */
export async function walk(
  openReader: OpenReader,
  { from, to }: Stretch,
  visit: (portion: readonly EventBlock[]) => Promise<Offset | undefined>,
): Promise<ReadonlyMap<number, Offset>> {
  const wanted = [...to].filter(([partition, end]) => end > (from.get(partition) ?? 0));
  const reached = new Map(from);
  if (wanted.length === 0) return reached;
  const reader = openReader(new Map(wanted.map(([p]) => [p, from.get(p) ?? offset(0)])));
  try {
    while (wanted.some(([partition, end]) => (reached.get(partition) ?? 0) < end)) {
      const read = await reader.read(JOURNAL_READ_BYTES);
      const portion: EventBlock[] = [];
      for (const { partition, offset: at, bytes } of read.blocks) {
        if (at >= (to.get(partition) ?? 0)) continue;
        const block = new Block(bytes);
        if (block.kind === BLOCK_KIND.events) portion.push({ block, offset: at });
      }
      const end = (await visit(portion)) ?? Number.POSITIVE_INFINITY;
      for (const [partition, last] of wanted) {
        const now = Math.min(last, read.readTo(partition), end);
        reached.set(partition, offset(Math.max(now, from.get(partition) ?? 0)));
      }
      if (end < Number.POSITIVE_INFINITY) break;
    }
  } finally {
    reader.close();
  }
  return reached;
}
