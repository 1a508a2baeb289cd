/** What the server must answer: counted by the generator from acknowledgements alone. */
import type { StampedBody } from './bodies.ts';
import { drawWorkload, EVENT_TYPES, LAGS_MS, type WorkloadOptions } from './workload.ts';

const MINUTE_MS = 60_000;

/** What one minute of event time holds, per index of EVENT_TYPES. */
export interface MinuteTruth {
  readonly minuteMs: number;
  readonly events: readonly number[];
  readonly durationSumMs: readonly number[];
}

/** Plain data: crosses from the generator's process to the one that compares. */
export interface Truth {
  readonly events: number;
  /** Events that were sent again because a connection broke: no more than these may be duplicates. */
  readonly resent: number;
  readonly minutes: readonly MinuteTruth[];
  /** How often each body of the workload was acknowledged. */
  readonly acknowledgements: readonly number[];
}

/** Per index of EVENT_TYPES. */
interface Cells {
  readonly events: number[];
  readonly durationSumMs: number[];
}

export class TruthCounter {
  readonly #minutes = new Map<number, Cells>();
  /** The last one that was counted in: nearly always the next one too. */
  #lastMinuteMs = Number.NaN;
  #lastMinute: Cells = zeroCells();
  readonly #acknowledgements: number[];
  #events = 0;
  #resent = 0;

  constructor(bodies: number) {
    this.#acknowledgements = new Array<number>(bodies).fill(0);
  }

  get events(): number {
    return this.#events;
  }

  /** Counts a body, as it was last stamped, whose acceptance the server has confirmed. */
  add(body: StampedBody): void {
    this.#events += body.events;
    this.#acknowledgements[body.index] = (this.#acknowledgements[body.index] as number) + 1;
    for (const share of body.shares) {
      const ts = body.stampedAtMs - (LAGS_MS[share.lag] as number);
      const minute = this.#minute(ts - (ts % MINUTE_MS));
      minute.events[share.type] = (minute.events[share.type] as number) + share.events;
      minute.durationSumMs[share.type] =
        (minute.durationSumMs[share.type] as number) + share.durationSumMs;
    }
  }

  /** The server may or may not have taken the body before; it goes out once more. */
  addResent(body: StampedBody): void {
    this.#resent += body.events;
  }

  read(): Truth {
    const minutes = [...this.#minutes].sort(([a], [b]) => a - b);
    return {
      events: this.#events,
      resent: this.#resent,
      minutes: minutes.map(([minuteMs, cells]) => ({ minuteMs, ...cells })),
      acknowledgements: this.#acknowledgements,
    };
  }

  #minute(minuteMs: number): Cells {
    if (minuteMs !== this.#lastMinuteMs) {
      this.#lastMinute = this.#minutes.get(minuteMs) ?? zeroCells();
      this.#lastMinuteMs = minuteMs;
      this.#minutes.set(minuteMs, this.#lastMinute);
    }
    return this.#lastMinute;
  }
}

const zeroCells = (): Cells => ({
  events: EVENT_TYPES.map(() => 0),
  durationSumMs: EVENT_TYPES.map(() => 0),
});

/** Truths of two senders to the same server. Which bodies were acknowledged is known of `a` alone. */
export function addTruths(a: Truth, b: Truth): Truth {
  const minutes = new Map(a.minutes.map((minute) => [minute.minuteMs, minute]));
  for (const minute of b.minutes) {
    const before = minutes.get(minute.minuteMs);
    minutes.set(minute.minuteMs, before === undefined ? minute : addMinutes(before, minute));
  }
  const ascending = [...minutes.values()].sort((one, other) => one.minuteMs - other.minuteMs);
  return { ...a, events: a.events + b.events, resent: a.resent + b.resent, minutes: ascending };
}

const addMinutes = (a: MinuteTruth, b: MinuteTruth): MinuteTruth => ({
  minuteMs: a.minuteMs,
  events: a.events.map((events, type) => events + (b.events[type] as number)),
  durationSumMs: a.durationSumMs.map((sum, type) => sum + (b.durationSumMs[type] as number)),
});

/** The exact answers that sketches approximate, over everything that was acknowledged. */
export interface ExactDistribution {
  readonly distinctUsers: number;
  /** The smallest duration that at least the share `q` of all events does not exceed. */
  quantileMs(q: number): number;
}

/** Draws the workload again; costs about a second per million of its events. */
export function exactDistribution(truth: Truth, workload: WorkloadOptions): ExactDistribution {
  const users = new Set<number>();
  const byDuration = new Map<number, number>();
  let body = 0;
  for (const events of drawWorkload(workload)) {
    const times = truth.acknowledgements[body++] as number;
    if (times === 0) continue;
    for (const { user, durationMs } of events) {
      users.add(user);
      byDuration.set(durationMs, (byDuration.get(durationMs) ?? 0) + times);
    }
  }
  const ascending = [...byDuration].sort(([a], [b]) => a - b);
  return {
    distinctUsers: users.size,
    quantileMs(q) {
      let left = Math.ceil(q * truth.events);
      for (const [durationMs, events] of ascending) {
        left -= events;
        if (left <= 0) return durationMs;
      }
      return Number.NaN;
    },
  };
}
