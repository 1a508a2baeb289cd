/** A world for clients in which time stands still until a test moves it, and a server that answers as it is told. */
import type { ExecutionContext } from 'ava';
import type { Answer } from '../../src/client/answer.ts';
import { Client } from '../../src/client/client.ts';
import { type ClientOptions, settingsOf } from '../../src/client/options.ts';
import type { EventStore, Platform, QueuedEvent, VisitorState } from '../../src/client/platform.ts';
import type { Problem } from '../../src/client/problem.ts';

export const START_MS = 1_790_000_000_000;

export interface SentEvent {
  readonly id: string;
  readonly type: string;
  readonly ts: number;
  readonly [field: string]: unknown;
}

/** Answers a request; undefined: none comes. */
export type FakeServer = (events: readonly SentEvent[]) => Partial<Answer> | undefined;

interface Timer {
  readonly dueMs: number;
  readonly isRetry: boolean;
  readonly work: () => void;
}

export class FakeWorld {
  nowMs = START_MS;
  isOnline = true;
  random = 0;
  server: FakeServer = taken;
  readonly requests: SentEvent[][] = [];
  readonly problems: Problem[] = [];
  readonly timers = new Set<Timer>();
  /** Shared by all clients of the world, as tabs share theirs. */
  readonly kept = new Map<string, QueuedEvent>();
  visitor: VisitorState | undefined;
  #uniques = 0;

  client(
    t: ExecutionContext,
    options: Partial<ClientOptions> = {},
    more: Partial<Platform> = {},
  ): Client {
    const settings = settingsOf({ url: 'http://server', ...options }, DEFAULTS);
    const client = new Client(settings, { ...this.#platform(), ...more });
    t.teardown(() => this.timers.clear());
    return client;
  }

  get store(): EventStore {
    const { kept } = this;
    return {
      async load(before, max) {
        const places = [...kept.keys()].filter((place) => place < before).sort();
        return places.slice(0, max).map((place) => kept.get(place) as QueuedEvent);
      },
      async put(events) {
        for (const event of events) kept.set(event.place, event);
      },
      async remove(places) {
        for (const place of places) kept.delete(place);
      },
      async clear() {
        kept.clear();
      },
      close() {},
    };
  }

  /** Lets this much time pass, and everything happen that is due in it. */
  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.settle();
    for (;;) {
      const next = [...this.timers]
        .filter(({ dueMs }) => dueMs <= untilMs)
        .sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.timers.delete(next);
      this.nowMs = Math.max(this.nowMs, next.dueMs);
      next.work();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  /** Everything that waits for nothing but its turn. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** How long until something is sent or tried again. */
  get nextMs(): number {
    return Math.min(...[...this.timers].map(({ dueMs }) => dueMs)) - this.nowMs;
  }

  #platform(): Platform {
    return {
      now: () => this.nowMs,
      random: () => this.random,
      unique: () => `u${++this.#uniques}`,
      after: (ms, work, isRetry) => {
        const timer = { dueMs: this.nowMs + ms, work, isRetry };
        this.timers.add(timer);
        return () => this.timers.delete(timer);
      },
      post: async (body) => {
        const events: SentEvent[] = body.split('\n').map((line) => JSON.parse(line));
        this.requests.push(events);
        const answer = this.server(events);
        if (answer === undefined) throw new TypeError('fetch failed');
        return { status: 200, retryAfter: undefined, text: '', ...answer };
      },
      isOnline: () => this.isOnline,
      warn: (problem) => this.problems.push(problem),
    };
  }
}

export const DEFAULTS = {
  flushIntervalMs: 1_000,
  batchEventsMax: 10,
  batchBytesMax: 10_000,
  queueEventsMax: 100,
  queueBytesMax: 100_000,
};

export const taken: FakeServer = (events) => ({
  text: JSON.stringify({ accepted: events.length, rejected: 0, errors: [] }),
});

export const refusal = (status: number, code: string, retryAfter?: string): Partial<Answer> => ({
  status,
  retryAfter,
  text: JSON.stringify({ error: { code, message: `it is ${code}` } }),
});
