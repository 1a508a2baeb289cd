/** How much is in a spool, or has gone through it. */
import { AT, BLOCK_KIND } from '../../src/model/block-format.ts';
import type { SpoolCounts } from '../../src/model/spool-view.ts';
import { viewOf } from '../../src/model/view-of.ts';

export const NOTHING: SpoolCounts = { blocks: 0, events: 0, bytes: 0 };

export const plus = (a: SpoolCounts, b: SpoolCounts): SpoolCounts => ({
  blocks: a.blocks + b.blocks,
  events: a.events + b.events,
  bytes: a.bytes + b.bytes,
});

/** What is left; never less than nothing. */
export const minus = (a: SpoolCounts, b: SpoolCounts): SpoolCounts => ({
  blocks: Math.max(0, a.blocks - b.blocks),
  events: Math.max(0, a.events - b.events),
  bytes: Math.max(0, a.bytes - b.bytes),
});

export function countOf(blocks: readonly Uint8Array[]): SpoolCounts {
  let events = 0;
  for (const block of blocks) {
    const view = viewOf(block);
    if (view.getUint8(AT.kind) === BLOCK_KIND.events) events += view.getUint32(AT.rows, true);
  }
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  return { blocks: blocks.length, events, bytes };
}
