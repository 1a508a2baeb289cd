/**
 * Sends events to whichever node is there, each again and again until somebody has acknowledged it, and knows what a cluster must then have
 * counted. Now and then there is a type of which there are suddenly many: each of these must be told once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { Random } from '../random.ts';

export interface Target {
  readonly host: string;
  readonly ingestPort: number;
}

export interface SenderOptions {
  /** Of which each body goes to one; others may answer, too, but need not. */
  readonly targets: () => readonly Target[];
  readonly random: Random;
  readonly eventsPerSecond: number;
}

export interface ClusterTruth {
  /** All that were acknowledged. */
  readonly events: number;
  readonly byType: ReadonlyMap<string, number>;
  /** Of which so many came in short time that an alarm has to be told. */
  readonly bursts: readonly string[];
  /** Bodies that had to be sent again, for whatever reason. */
  readonly resent: number;
  /** How long an acknowledgement took from the first attempt on, at most. */
  readonly slowestMs: number;
  /** Answers that no correct server gives. */
  readonly unexpected: readonly string[];
}

/** More than this many of one type within an hour is an alarm. */
export const BURST_ABOVE = 60;

const LANES = 4;
const EVENTS_PER_BODY = 40;
/** Above `BURST_ABOVE` by more than one body, which may come late. */
const BURST_BODIES = 4;
const USERS = 997;
const TYPES = ['look', 'buy', 'leave'];
/** Longer than a healthy node takes, shorter than a session: a node that hangs costs no more. */
const ANSWER_MS_MAX = 5_000;
const AGAIN_MS = 100;
/** An answer that says: come again. */
const AGAIN = new Set([429, 502, 503, 504]);

export class ClusterSender {
  readonly #options: SenderOptions;
  readonly #agent = new Agent({ keepAliveTimeout: 10_000, connect: { timeout: 2_000 } });
  readonly #byType = new Map<string, number>();
  readonly #bursts: string[] = [];
  readonly #unexpected: string[] = [];
  #lanes: Promise<void>[] = [];
  #isStopping = false;
  #next = 0;
  #events = 0;
  #resent = 0;
  #slowestMs = 0;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  start(): void {
    this.#isStopping = false;
    this.#lanes = Array.from({ length: LANES }, () => this.#lane());
  }

  /** Resolves when all that was sent is acknowledged. May be started again. */
  async drain(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#lanes);
  }

  /** Resolves when all of the new type is acknowledged. */
  async burst(): Promise<void> {
    const type = `burst-${this.#bursts.length}`;
    this.#bursts.push(type);
    await Promise.all(Array.from({ length: BURST_BODIES }, () => this.#deliver(this.#body(type))));
  }

  truth(): ClusterTruth {
    return {
      events: this.#events,
      byType: this.#byType,
      bursts: this.#bursts,
      resent: this.#resent,
      slowestMs: this.#slowestMs,
      unexpected: this.#unexpected,
    };
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #lane(): Promise<void> {
    const pauseMs = (1_000 * EVENTS_PER_BODY * LANES) / this.#options.eventsPerSecond;
    while (!this.#isStopping) {
      const nextMs = performance.now() + pauseMs;
      await this.#deliver(this.#body());
      await sleep(Math.max(0, nextMs - performance.now()));
    }
  }

  #body(only?: string): readonly { readonly id: string; readonly type: string }[] {
    return Array.from({ length: EVENTS_PER_BODY }, () => {
      const n = this.#next++;
      const type = only ?? (TYPES[n % TYPES.length] as string);
      return { id: `e${n}`, type, user: `u${n % USERS}` };
    });
  }

  async #deliver(events: readonly { readonly type: string }[]): Promise<void> {
    const body = events.map((event) => JSON.stringify(event)).join('\n');
    const beganMs = performance.now();
    for (let isSent = false; !isSent; ) {
      isSent = await this.#send(body, events.length);
      if (isSent) break;
      this.#resent += 1;
      await sleep(AGAIN_MS);
    }
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - beganMs);
    this.#events += events.length;
    for (const { type } of events) this.#byType.set(type, (this.#byType.get(type) ?? 0) + 1);
  }

  /** False: to be sent again. */
  async #send(body: string, events: number): Promise<boolean> {
    const targets = this.#options.targets();
    const target = targets[this.#options.random.between(0, targets.length)];
    if (target === undefined) return false;
    try {
      const response = await request(`http://${target.host}:${target.ingestPort}/v1/events`, {
        dispatcher: this.#agent,
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
        signal: AbortSignal.timeout(ANSWER_MS_MAX),
      });
      const text = await response.body.text();
      if (AGAIN.has(response.statusCode)) return false;
      const { accepted }: { accepted?: number } = JSON.parse(text);
      if (response.statusCode === 200 && accepted === events) return true;
      this.#unexpected.push(`${response.statusCode} ${text.slice(0, 200)}`);
      return true;
    } catch {
      return false;
    }
  }
}
