/** Reads a stretch of the log, the blocks of each partition in their order. Offsets of different partitions compare with nothing. */
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { JOURNAL_READ_BYTES } from '../../storage/limits.ts';
import type { OpenReader } from '../../storage/log/log.ts';

/** Of each partition its blocks in `[from, to)`; both are block boundaries, and durable. */
export interface Stretch {
  readonly from: ReadonlyMap<number, Offset>;
  readonly to: ReadonlyMap<number, Offset>;
}

export interface EventBlock {
  readonly block: Block;
  readonly offset: Offset;
}

/**
 * Hands the blocks of events to `visit`, in portions that were read together. It may answer how many of them it has taken: the
 * walk ends there. Answers how far it came, in boundaries as those of the stretch.
 */
export async function walk(
  openReader: OpenReader,
  { from, to }: Stretch,
  visit: (portion: readonly EventBlock[]) => Promise<number | undefined>,
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
      const taken = await visit(portion);
      for (const [partition, last] of wanted) {
        if (reached.get(partition) === last) continue;
        const now = Math.min(last, read.readTo(partition));
        // What lies behind the stretch may be what nobody can read.
        if (now === last) reader.release(partition);
        reached.set(partition, offset(Math.max(now, from.get(partition) ?? 0)));
      }
      if (taken === undefined) continue;
      for (const { block, offset: at } of portion.slice(taken).reverse()) {
        reached.set(block.partition, at);
      }
      break;
    }
  } finally {
    reader.close();
  }
  return reached;
}
