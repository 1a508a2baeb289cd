/** Questions about the server itself: what became of events, what was refused, how far the partitions are. */

import type { ActorSnapshot } from '../../actors/runtime.ts';
import { AppError } from '../model/errors.ts';
import { EPOCH_MS_MAX, HOUR_MS } from '../model/units.ts';
import { COLLECT_TIMEOUT_MS } from './limits.ts';
import type { LedgerReply, PartitionClient } from './ports.ts';
import { floorTo } from './time.ts';

/** As a partition thread reports it. */
export interface PartitionView {
  readonly partition: number;
  readonly appliedOffset: number;
  readonly committedOffset: number;
  readonly lagBytes: number;
  /** Max over events of min(ts, arrival); -Infinity before the first event. */
  readonly watermarkMs: number;
  readonly series: number;
  readonly dedupIds: number;
  readonly dedupSinceMs: number;
}

export interface DeadLetterView {
  /** Unique; also the cursor behind this letter. */
  readonly id: string;
  readonly arrivalMs: number;
  readonly stream: string;
  readonly code: string;
  readonly message: string;
  readonly line: number | null;
  readonly raw: Uint8Array;
}

/** What is not said is not asked for. */
export interface DeadLetterFilter {
  readonly tenant: string;
  readonly stream?: string | undefined;
  readonly code?: string | undefined;
  /** When they came: `[fromMs, toMs)`. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  /** Somewhere in what was received, or in the message. */
  readonly contains?: string | undefined;
}

export interface DeadLetterQuery extends DeadLetterFilter {
  readonly first: number;
  /** The id of the last letter of the page before. */
  readonly after?: string | undefined;
}

export interface DeadLetterPage {
  /** Newest first, at most `first`. */
  readonly letters: readonly DeadLetterView[];
  /** Fewer than `first` because enough has been looked at for one page: the next one goes on behind this. */
  readonly lookedTo?: string | undefined;
}

/** What the composition root knows of the machinery. */
export interface SystemPort {
  actors(): Promise<readonly ActorSnapshot[]>;
  partitions(): Promise<readonly PartitionView[]>;
  /** Throws `query_invalid` if `after` is no id. */
  deadLetters(query: DeadLetterQuery): Promise<DeadLetterPage>;
  /** Durable events of the stream, accepted or refused, that lie at or behind these offsets per partition. */
  pendingEvents(
    tenant: string,
    stream: string,
    from: ReadonlyMap<number, number>,
  ): Promise<PendingEvents>;
}

/** As a node answers it of what is here alone; a server that is alone has everything here. */
export interface NodeSystem extends SystemPort {
  /** As `deadLetters`, of the partitions that it says. */
  deadLettersHere(query: DeadLetterQuery): Promise<DeadLettersHere>;
  /** The part of `pendingEvents` that only this node knows: what waits on its disk for the log. */
  spooledEvents(tenant: string, stream: string): Promise<PendingEvents>;
}

export interface DeadLettersHere {
  readonly letters: readonly DeadLetterView[];
  /** Of which all letters that belong on the page are there. */
  readonly partitions: readonly number[];
}

export interface PendingEvents {
  readonly events: number;
  /** False: so much waits that counting ended before the end of the log. */
  readonly isComplete: boolean;
}

const NOTHING = {
  received: 0,
  applied: 0,
  duplicate: 0,
  rejected: 0,
  clamped: 0,
  expired: 0,
  erased: 0,
};

const NONE_PENDING: PendingEvents = { events: 0, isComplete: true };

export interface LedgerQuery {
  readonly tenant: string;
  readonly stream: string;
  /** Counted by whole hours of arrival; default: everything that is kept. */
  readonly fromMs?: number;
  readonly toMs?: number;
}

export interface LedgerSum {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly pending: number;
  readonly clamped: number;
  readonly expired: number;
  /** Of the applied. */
  readonly erased: number;
  readonly balanced: boolean;
}

/**
 * Adds up the ledger over the partitions. It balances if in every line what the headers of blocks announced is what
 * became of their rows, two numbers that are counted apart, and if nothing is missing from the sum. What is pending is counted from exactly the offsets at which the partitions
 * answered, so that an event in between is neither missed nor counted twice.
 */
export async function sumLedger(
  query: LedgerQuery,
  partitions: PartitionClient,
  system: Pick<SystemPort, 'pendingEvents'>,
  nowMs: number,
): Promise<LedgerSum> {
  const { tenant, stream, fromMs = 0, toMs = EPOCH_MS_MAX } = query;
  const hours = { tenant, fromMs: floorTo(fromMs, HOUR_MS), toMs };
  const replies = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, p) =>
      partitions.ledger(p, hours, COLLECT_TIMEOUT_MS).catch(missingIfFault),
    ),
  );
  const sum = { ...NOTHING };
  let linesBalance = true;
  const from = new Map<number, number>();
  replies.forEach((reply, partition) => {
    from.set(partition, reply?.appliedOffset ?? partitions.appliedOffset(partition));
    for (const entry of reply?.entries ?? []) {
      if (entry.stream !== stream) continue;
      // Line by line, so that two errors cannot make up for each other.
      linesBalance &&= isBalanced(entry);
      for (const count of Object.keys(sum) as (keyof typeof sum)[]) sum[count] += entry[count];
    }
  });
  // What is pending has only just arrived.
  const isNowAsked = nowMs >= hours.fromMs && nowMs < toMs;
  const pending = isNowAsked ? await system.pendingEvents(tenant, stream, from) : NONE_PENDING;
  const hasAll = pending.isComplete && replies.every((reply) => reply !== undefined);
  return {
    ...sum,
    received: sum.received + pending.events,
    pending: pending.events,
    balanced: linesBalance && hasAll,
  };
}

/** Lines of the last two hours, in which it is not told what became of each event, or more is told than came. */
export async function unbalancedLines(
  tenant: string,
  nowMs: number,
  partitions: PartitionClient,
): Promise<number> {
  const hours = { tenant, fromMs: floorTo(nowMs, HOUR_MS) - HOUR_MS, toMs: nowMs + HOUR_MS };
  const replies = await Promise.all(
    Array.from({ length: partitions.partitions }, (_, p) =>
      partitions.ledger(p, hours, COLLECT_TIMEOUT_MS).catch(missingIfFault),
    ),
  );
  return replies.flatMap((reply) => reply?.entries ?? []).filter((line) => !isBalanced(line))
    .length;
}

/** The header of a block announces its events, and what became of each is counted row by row. */
const isBalanced = ({ received, applied, duplicate, rejected }: LedgerReply['entries'][0]) =>
  received === applied + duplicate + rejected;

function missingIfFault(error: unknown): LedgerReply | undefined {
  if (error instanceof AppError) return undefined;
  throw error;
}
