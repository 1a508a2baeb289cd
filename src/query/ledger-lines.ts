/** The ledger line by line, for whoever holds something against it. */
import { encodePositions } from '../model/positions.ts';
import { DAY_MS, HOUR_MS, type Offset, offset } from '../model/units.ts';
import { COLLECT_TIMEOUT_MS } from './limits.ts';
import type { LedgerReply, PartitionClient } from './ports.ts';
import { floorTo } from './time.ts';

export interface LedgerLinesQuery {
  readonly tenant: string;
  /** Undefined: every stream. */
  readonly stream?: string | undefined;
  /** The hour of arrival with which it begins. */
  readonly fromMs: number;
}

/** Of one stream and hour, all partitions together. */
export type LedgerLine = Omit<LedgerReply['entries'][0], 'tenant'>;

export interface LedgerPage {
  /** By hour, then by stream. */
  readonly lines: readonly LedgerLine[];
  /** Where the next page begins; undefined: this one ends with the hour of now. */
  readonly nextFromMs: number | undefined;
  /** Everything before it is in the lines, as far as it arrived in their hours. */
  readonly position: string;
}

/** Senders name streams: an hour may have thousands of lines. */
const PAGE_MS = DAY_MS;

/** Rejects if a partition does not answer: without it every line would be too small. */
export async function ledgerLines(
  { tenant, stream, fromMs }: LedgerLinesQuery,
  partitions: PartitionClient,
  nowMs: number,
): Promise<LedgerPage> {
  const from = floorTo(fromMs, HOUR_MS);
  const to = from + PAGE_MS;
  const lines = new Map<string, LedgerLine>();
  const positions = new Map<number, Offset>();
  const replies = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, p) =>
      partitions.ledger(p, { tenant, fromMs: from, toMs: to }, COLLECT_TIMEOUT_MS),
    ),
  );
  for (const [partition, { entries, appliedEnd }] of replies.entries()) {
    positions.set(partition, offset(appliedEnd));
    for (const { tenant: _, ...entry } of entries) {
      if (stream !== undefined && entry.stream !== stream) continue;
      const key = `${entry.arrivalHourMs} ${entry.stream}`;
      const known = lines.get(key);
      lines.set(key, known === undefined ? entry : plus(known, entry));
    }
  }
  return {
    lines: [...lines.values()].sort(
      (a, b) => a.arrivalHourMs - b.arrivalHourMs || (a.stream < b.stream ? -1 : 1),
    ),
    // Clocks of a restart before may have been ahead by an hour.
    nextFromMs: to > nowMs + HOUR_MS ? undefined : to,
    position: encodePositions(positions),
  };
}

const plus = (a: LedgerLine, b: LedgerLine): LedgerLine => ({
  ...a,
  received: a.received + b.received,
  applied: a.applied + b.applied,
  duplicate: a.duplicate + b.duplicate,
  rejected: a.rejected + b.rejected,
  clamped: a.clamped + b.clamped,
  expired: a.expired + b.expired,
  erased: a.erased + b.erased,
});
