/**
 * One live query: an answer that keeps answering, and a short history of what changed. Each subscriber is a cursor
 * into that history. So one that does not read costs nothing while it stalls, and finds when it reads again
 * either the messages that it missed or a gap and a fresh snapshot.
 */
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { Label, TimeseriesAnswer } from './answer.ts';
import {
  LIVE_FAILURES_MAX,
  LIVE_HISTORY_MESSAGES,
  LIVE_HISTORY_POINTS,
  LIVE_IDLE_TICK_MS,
  LIVE_REST_FACTOR,
  LIVE_SENT_POINT_MS,
  LIVE_WORK_SAMPLES,
} from './limits.ts';
import { changesBetween, isWorthSending } from './live-changes.ts';
import type { TimeseriesWork } from './timeseries.ts';

/** Timers as a dependency. */
export interface Scheduler {
  /** Calls back once after `ms`; answers what cancels that. */
  after(ms: number, callback: () => void): () => void;
}

export const systemScheduler: Scheduler = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

export interface LiveMessage {
  /** Opaque. A subscription that gives it goes on behind this message, if the history still holds what followed. */
  readonly cursor: string;
  /** `changes` has only points that are new or differ; they replace those of equal labels and time. */
  readonly kind: 'snapshot' | 'changes' | 'gap';
  /** In a gap: messages that were not delivered. A snapshot follows it. */
  readonly droppedMessages: number;
  readonly answer: TimeseriesAnswer;
  readonly removedSeries: readonly (readonly Label[])[];
}

/** A message, and the sequence number to ask on with; undefined asks for a snapshot. */
export interface Delivery {
  readonly message: LiveMessage;
  readonly seen: number | undefined;
}

export interface LiveQueryOptions {
  /** Answers as of now. A fault that is not retryable ends the live query, as do many in a row. */
  readonly answer: () => Promise<TimeseriesWork>;
  /** Live queries that share the thread with it, itself included. */
  readonly competitors: () => number;
  /** Who gets what it says. */
  readonly subscribers: () => number;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** It answers again at most this often. */
  readonly tickMs: number;
  /** Tells this life of the query from others in cursors; has no dot. */
  readonly id: string;
}

interface HistoryEntry {
  readonly sequence: number;
  readonly points: number;
  readonly message: LiveMessage;
}

export class LiveQuery {
  readonly #options: LiveQueryOptions;
  readonly #history: HistoryEntry[] = [];
  #latest: TimeseriesAnswer | undefined;
  #sequence = 0;
  #failures = 0;
  #isWorking = false;
  #isTouched = false;
  #restsUntilMs = 0;
  /**
   * What the last answers took, ms. The least of them counts: a pause of the thread is not its fault, and the first answer,
   * for which nothing is kept yet, is no measure for the next.
   */
  readonly #worked: number[] = [0];
  #cancelTick = (): void => {};
  #end: Error | 'closed' | undefined;
  #moved = Promise.withResolvers<void>();

  constructor(options: LiveQueryOptions) {
    this.#options = options;
    this.#tickAfter(0);
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Something was applied: answers again as soon as the rest after the last answer is over. */
  touch(): void {
    this.#isTouched = true;
    if (this.#isWorking || this.#latest === undefined) return;
    this.#tickAfter(Math.max(0, this.#restsUntilMs - this.#options.clock.now()));
  }

  close(): void {
    this.#endWith('closed');
  }

  /**
   * What follows message `seen`, or a snapshot if that is undefined. Without news it answers undefined, at the end
   * `'closed'`; throws the error that ended the query.
   */
  deliver(seen: number | undefined): Delivery | 'closed' | undefined {
    if (this.#end instanceof Error) throw this.#end;
    if (this.#end === 'closed') return 'closed';
    const answer = this.#latest;
    if (answer === undefined || seen === this.#sequence) return undefined;
    if (seen === undefined) {
      return { message: this.#message('snapshot', answer), seen: this.#sequence };
    }
    const entry = this.#history[this.#history.length - (this.#sequence - seen)];
    if (entry !== undefined) return { message: entry.message, seen: entry.sequence };
    const gap = this.#message('gap', { ...answer, series: [] });
    return { message: { ...gap, droppedMessages: this.#sequence - seen }, seen: undefined };
  }

  /** Resolves when `deliver` may have more to say, and at `wake`. */
  moved(): Promise<void> {
    return this.#moved.promise;
  }

  wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }

  /** The message number that a cursor of this query stands for; undefined if it cannot be continued. */
  resume(cursor: string): number | undefined {
    const match = /^([^.]+)\.([0-9a-z]{1,10})$/.exec(cursor);
    if (match === null || match[1] !== this.#options.id) return undefined;
    const seen = Number.parseInt(match[2] as string, 36);
    const isHeld = seen <= this.#sequence && this.#sequence - seen <= this.#history.length;
    return isHeld ? seen : undefined;
  }

  async #tick(): Promise<void> {
    const { clock, competitors, subscribers, tickMs } = this.#options;
    this.#isWorking = true;
    this.#isTouched = false;
    try {
      const { answer, workMs } = await this.#options.answer();
      const answeredMs = performance.now();
      const points = this.#publish(answer);
      const sendingMs = points * subscribers() * LIVE_SENT_POINT_MS;
      this.#worked.push(workMs + performance.now() - answeredMs + sendingMs);
      if (this.#worked.length > LIVE_WORK_SAMPLES) this.#worked.shift();
      this.#failures = 0;
    } catch (error) {
      this.#fail(error);
    }
    this.#isWorking = false;
    const workMs = Math.min(...this.#worked);
    const restMs = Math.max(tickMs, LIVE_REST_FACTOR * competitors() * workMs);
    this.#restsUntilMs = clock.now() + restMs;
    this.#tickAfter(this.#isTouched ? restMs : Math.max(restMs, LIVE_IDLE_TICK_MS));
  }

  #tickAfter(ms: number): void {
    if (this.#end !== undefined) return;
    this.#cancelTick();
    this.#cancelTick = this.#options.scheduler.after(ms, () => {
      void this.#tick();
    });
  }

  /** Answers how many points have changed. */
  #publish(answer: TimeseriesAnswer): number {
    const before = this.#latest;
    this.#latest = answer;
    if (before === undefined) {
      this.wake();
      return 0;
    }
    const changes = changesBetween(before, answer);
    const { series, removedSeries, points } = changes;
    if (!isWorthSending(changes, before, answer)) return points;
    this.#sequence++;
    const message = { ...this.#message('changes', { ...answer, series }), removedSeries };
    this.#remember({ sequence: this.#sequence, points, message });
    this.wake();
    return points;
  }

  #message(kind: LiveMessage['kind'], answer: TimeseriesAnswer): LiveMessage {
    const cursor = `${this.#options.id}.${this.#sequence.toString(36)}`;
    return { cursor, kind, droppedMessages: 0, answer, removedSeries: [] };
  }

  /** The newest message is always held: a subscriber that keeps up sees no gap, however large the change. */
  #remember(entry: HistoryEntry): void {
    const history = this.#history;
    history.push(entry);
    let points = history.reduce((sum, each) => sum + each.points, 0);
    while (history.length > 1) {
      if (history.length <= LIVE_HISTORY_MESSAGES && points <= LIVE_HISTORY_POINTS) break;
      points -= history.shift()?.points ?? 0;
    }
  }

  #fail(error: unknown): void {
    this.#failures++;
    const mayPass = error instanceof AppError && error.retryable;
    if (mayPass && this.#failures < LIVE_FAILURES_MAX) return;
    this.#endWith(
      error instanceof Error ? error : new Error('live query failed', { cause: error }),
    );
  }

  #endWith(end: Error | 'closed'): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#cancelTick();
    this.wake();
  }
}
