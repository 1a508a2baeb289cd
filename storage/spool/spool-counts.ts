/** How much is in a spool, or has gone through it. */
import type { SpoolCounts } from '../../src/model/spool-view.ts';

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
