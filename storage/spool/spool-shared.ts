/** What the thread that spools tells the others, in memory they all see: plain numbers, each right by itself. */
import { SPOOL_REASONS, type SpoolCounts, type SpoolView } from '../../src/model/spool-view.ts';

/** Plain data, which is handed to the threads. */
export interface SpoolSettings {
  /** The spool's own directory. */
  readonly dir: string;
  readonly bytesMax: number;
  readonly diskReserveBytes: number;
  /** The buffer of a `SpoolShared`. */
  readonly numbers: SharedArrayBuffer;
}

export interface SpoolShared {
  readonly buffer: SharedArrayBuffer;
  readonly numbers: Float64Array;
}

const NUMBERS = 17;
const IS_OPEN = 16;

export const createSpoolShared = (): SpoolShared =>
  attachSpoolShared(new SharedArrayBuffer(NUMBERS * 8));

/** The same memory seen from another thread. */
export const attachSpoolShared = (buffer: SharedArrayBuffer): SpoolShared => ({
  buffer,
  numbers: new Float64Array(buffer),
});

/** Undefined before the spool is open. */
export function readSpool({ numbers }: SpoolShared): SpoolView | undefined {
  if (numbers[IS_OPEN] === 0) return undefined;
  const at = (index: number): number => numbers[index] as number;
  const countsAt = (index: number): SpoolCounts => ({
    blocks: at(index),
    events: at(index + 1),
    bytes: at(index + 2),
  });
  const reason = SPOOL_REASONS[at(0)];
  return {
    spooling: reason === undefined ? undefined : { reason, sinceMs: at(1) },
    from: at(2),
    end: at(3),
    bytesMax: at(4),
    waiting: countsAt(5),
    spooled: countsAt(8),
    drained: countsAt(11),
    switches: at(14),
    lostBytes: at(15),
  };
}

/** Only the thread that spools. */
export function publishSpool({ numbers }: SpoolShared, view: SpoolView): void {
  const { spooling, from, end, bytesMax, waiting, spooled, drained, switches, lostBytes } = view;
  const reason = spooling === undefined ? -1 : SPOOL_REASONS.indexOf(spooling.reason);
  const counts = [waiting, spooled, drained].flatMap((each) => [
    each.blocks,
    each.events,
    each.bytes,
  ]);
  const sinceMs = spooling?.sinceMs ?? 0;
  numbers.set([reason, sinceMs, from, end, bytesMax, ...counts, switches, lostBytes, 1]);
}
