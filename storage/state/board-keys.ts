/**
 * Keys of the alarm board's rows (drawing: storage/FORMAT.md, "Board rows"). They lie behind all partitions and behind the
 * row about the store, because the board is the server's and no partition's.
 */
import { KeyWriter, prefixEnd } from './keys.ts';
import type { KeyRange } from './state.ts';

export const BOARD_ROW = {
  board: 1,
  rule: 2,
  receiver: 3,
  routes: 4,
  disabledReceiver: 5,
  run: 6,
  runGroup: 7,
  alarm: 8,
  group: 9,
  silence: 10,
  history: 11,
  delivery: 12,
  deliveryPlace: 13,
  waiting: 14,
  counts: 15,
} as const;
export type BoardRow = (typeof BOARD_ROW)[keyof typeof BOARD_ROW];

const writer = new KeyWriter();
const begin = (kind: BoardRow): KeyWriter => writer.restart().u16(0xffff).u8(0xff).u8(kind);

/** A row that names alone tell apart. */
export function boardKey(kind: BoardRow, ...names: readonly string[]): Uint8Array {
  const key = begin(kind);
  for (const name of names) key.text(name);
  return key.end();
}

/** All rows of a kind whose first names are these. */
export function boardRange(kind: BoardRow, ...names: readonly string[]): KeyRange {
  const from = boardKey(kind, ...names);
  return { from, to: prefixEnd(from) };
}

/** By the time at which it was written down; the sequence tells those of one moment apart. */
export const historyKey = (tenant: string, recordedMs: number, sequence: number): Uint8Array =>
  begin(BOARD_ROW.history).text(tenant).u48(recordedMs).u64(sequence).end();
/** Recorded in `[fromMs, toMs)`. */
export const historyRange = (tenant: string, fromMs: number, toMs: number): KeyRange => ({
  from: begin(BOARD_ROW.history).text(tenant).u48(fromMs).end(),
  to: begin(BOARD_ROW.history).text(tenant).u48(toMs).end(),
});

export const deliveryKey = (tenant: string, sequence: number): Uint8Array =>
  begin(BOARD_ROW.delivery).text(tenant).u64(sequence).end();

export const waitingKey = (tenant: string, receiver: string, sequence: number): Uint8Array =>
  begin(BOARD_ROW.waiting).text(tenant).text(receiver).u64(sequence).end();
/** What waits for a receiver with a greater sequence; -1: all of it. */
export const waitingRange = (tenant: string, receiver: string, afterSequence = -1): KeyRange => ({
  from: waitingKey(tenant, receiver, afterSequence + 1),
  to: prefixEnd(boardKey(BOARD_ROW.waiting, tenant, receiver)),
});
