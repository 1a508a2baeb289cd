/** What senders send: events whose times their clocks say, some late, some wrong, some refused, all of it perhaps more than once. */
import type { EventTimeRule, TimeLimit } from '../../src/model/event-time.ts';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import type { PlainEvent } from '../aggregate/event-blocks.ts';
import type { Random } from './random.ts';
import { STREAMS, TENANTS } from './schedule-rollups.ts';

interface Sender {
  readonly tenant: string;
  readonly stream: string;
  /** What its clock shows more than the right one. */
  readonly skewMs: number;
  /** It says with each request what its clock shows. */
  readonly tellsTime: boolean;
  readonly form: 'ndjson' | 'json';
}

/** A body that is sent until it is acknowledged, and sometimes again. */
export interface Shipment extends Sender {
  /** `e` names each of them, and of all events only one. */
  readonly events: readonly PlainEvent[];
  readonly body: Uint8Array;
}

const TYPES = ['view', 'click', 'buy'] as const;
const COUNTRIES = ['de', 'fr', 'jp', null] as const;
const SKEWS_MS = [0, 0, 3_000, -4_000, 2 * HOUR_MS, -3 * HOUR_MS, 2 * DAY_MS, -25 * DAY_MS];
const LATE_MS_MAX = 90 * MINUTE_MS;
const VERY_LATE_MS_MAX = 29 * DAY_MS;
/** Longer ago than anything is kept, however often rollups have changed. */
const EXPIRED_MS = 61 * DAY_MS;
const IDS_REPEATED_FROM = 60;

export class Traffic {
  readonly #random: Random;
  readonly #senders: readonly Sender[];
  #sent = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#senders = Array.from({ length: random.int(3, 6) }, () => ({
      tenant: random.pick(TENANTS),
      stream: random.pick(STREAMS),
      skewMs: random.pick(SKEWS_MS),
      tellsTime: random.chance(0.5),
      form: random.pick(['ndjson', 'json']),
    }));
  }

  next(nowMs: number): Shipment {
    const random = this.#random;
    const sender = random.pick(this.#senders);
    const events = Array.from({ length: random.int(1, random.chance(0.1) ? 40 : 8) }, () =>
      this.#event(nowMs + sender.skewMs),
    );
    const lines = events.map((event) => JSON.stringify(event));
    const body = sender.form === 'json' ? `[${lines.join(',')}]` : lines.join('\n');
    return { ...sender, events, body: Buffer.from(body) };
  }

  #event(shownMs: number): PlainEvent {
    const random = this.#random;
    const e = `e${this.#sent++}`;
    const id = this.#id();
    return {
      e,
      ...(id === null ? {} : { id }),
      ...(random.chance(0.05) ? {} : { ts: shownMs - this.#ageMs() }),
      // One without a type is refused.
      ...(random.chance(0.04) ? {} : { type: random.pick(TYPES) }),
      country: random.pick(COUNTRIES),
      user: random.chance(0.1) ? null : `u${random.int(0, 40)}`,
      page: `/${Math.floor(random.next() ** 3 * 40)}`,
      i: random.int(1, 1_000),
      // Multiples of 1/4: their sums are exact in every order.
      n: random.chance(0.1) ? null : random.int(-2_000, 8_000) / 4,
      x: (random.next() - 0.3) * 10 ** random.int(-3, 6),
    };
  }

  /** New, that of an event before, or none. */
  #id(): string | null {
    const random = this.#random;
    if (random.chance(0.1)) return null;
    const back = random.chance(0.1) ? random.int(1, IDS_REPEATED_FROM) : 0;
    return `id-${Math.max(0, this.#sent - back)}`;
  }

  #ageMs(): number {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.75) return random.int(0, 9_000);
    if (kind < 0.8) return -random.int(0, 50_000);
    if (kind < 0.9) return random.int(9_000, LATE_MS_MAX);
    if (kind < 0.97) return random.int(LATE_MS_MAX, VERY_LATE_MS_MAX);
    return EXPIRED_MS + random.int(0, 400 * DAY_MS);
  }
}

/** What streams do with times far from now: each of the policies, and none. */
export function timeRules(random: Random): EventTimeRule[] {
  const limit = (beyondMs: number): TimeLimit | undefined =>
    random.chance(0.25)
      ? undefined
      : { beyondMs, policy: random.pick(['keep', 'clamp', 'deadLetter']) };
  return STREAMS.map((stream) => ({
    ...(random.chance(0.3) ? { tenant: random.pick(TENANTS) } : {}),
    stream,
    future: limit(random.pick([20_000, HOUR_MS])),
    past: limit(random.pick([HOUR_MS, 20 * DAY_MS])),
  }));
}
