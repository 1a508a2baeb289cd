/**
 * The times of one body's events: corrected by as much as their sender's clock is wrong, and judged by how far they lie from now. A
 * body of which nothing is wrong has none of this.
 */
import type { EventTimeRule, TimeLimit } from '../../model/event-time.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../../model/units.ts';
import type { Fault } from './event-draft.ts';

export class EventTimes {
  readonly #rule: EventTimeRule;
  readonly #nowMs: number;
  /** To be added to what the sender says. */
  readonly offsetMs: number;

  constructor(rule: EventTimeRule, nowMs: number, offsetMs: number) {
    this.#rule = rule;
    this.#nowMs = nowMs;
    this.offsetMs = offsetMs;
  }

  /** The time that an event without one has for its sender. */
  sentMs(arrivalMs: number): number {
    return arrivalMs - this.offsetMs;
  }

  /** Why an event with this time, as it was sent, is not taken. */
  refusal(sentMs: number): Fault | undefined {
    const { future, past } = this.#rule;
    const aheadMs = sentMs + this.offsetMs - this.#nowMs;
    if (future?.policy === 'deadLetter' && aheadMs > future.beyondMs) {
      return { code: 'ts_too_far_ahead', detail: inWords(aheadMs, 'ahead of', future) };
    }
    if (past?.policy === 'deadLetter' && -aheadMs > past.beyondMs) {
      return { code: 'ts_too_old', detail: inWords(-aheadMs, 'behind', past) };
    }
    return undefined;
  }

  /** The event's time, of what was sent. */
  timeOf(sentMs: number): number {
    const { future, past } = this.#rule;
    const timeMs = Math.min(EPOCH_MS_MAX, Math.max(EPOCH_MS_MIN, sentMs + this.offsetMs));
    const aheadMs = timeMs - this.#nowMs;
    const isFar =
      (future?.policy === 'clamp' && aheadMs > future.beyondMs) ||
      (past?.policy === 'clamp' && -aheadMs > past.beyondMs);
    return isFar ? this.#nowMs : timeMs;
  }
}

const inWords = (byMs: number, where: string, { beyondMs }: TimeLimit): string =>
  `it lies ${byMs} ms ${where} the server's clock, ${beyondMs} ms are allowed for the stream`;
