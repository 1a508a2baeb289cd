/**
 * Hands out bodies and takes them back. A body is stamped when it is first sent and stays as it is until it is
 * acknowledged: after a lost connection the same ids go out again, so each event is due exactly once.
 */
import type { StampedBody } from '../bodies.ts';
import { type Truth, TruthCounter } from '../truth.ts';
import { Latencies } from './latencies.ts';
import type { LoadOptions, Measured } from './protocol.ts';

/** Enough to see what goes wrong without flooding the channel. */
const UNEXPECTED_MAX = 5;
const PACE_TICK_MS = 5;

export class BodySource {
  readonly #free: StampedBody[];
  #firstFree = 0;
  #freeCount: number;
  readonly #again: StampedBody[] = [];
  readonly #truth: TruthCounter;
  readonly #latencies = new Latencies();
  readonly #repeatEvery: number;
  /** Acknowledged, and on their way again. */
  readonly #repeated = new Set<StampedBody>();
  #batch = 0;
  #outstanding = 0;
  #sending = false;
  #budget = Number.POSITIVE_INFINITY;
  #idle: (() => void)[] = [];
  #onDrained: (() => void)[] = [];
  #onAcknowledged: (() => void)[] = [];
  #pacer: NodeJS.Timeout | undefined;

  #since = performance.now();
  #cpuSince = process.cpuUsage();
  #eventsSince = 0;
  #requests = 0;
  #refused = 0;
  #reconnects = 0;
  #unexpected: string[] = [];

  constructor(
    bodies: readonly StampedBody[],
    {
      eventsPerSecond,
      repeatEvery = Infinity,
    }: Pick<LoadOptions, 'eventsPerSecond' | 'repeatEvery'>,
  ) {
    this.#free = [...bodies];
    this.#freeCount = bodies.length;
    this.#truth = new TruthCounter(bodies.length);
    this.#repeatEvery = repeatEvery;
    if (eventsPerSecond !== undefined) this.#pace(eventsPerSecond);
  }

  /** A stamped body to send now; else `wake` is called once when it is worth asking again. */
  take(wake: () => void): StampedBody | undefined {
    const unacknowledged = this.#again.pop();
    if (unacknowledged !== undefined) return unacknowledged;
    const body = this.#free[this.#firstFree];
    if (!this.#sending || this.#freeCount === 0 || body === undefined || this.#budget <= 0) {
      this.#idle.push(wake);
      return undefined;
    }
    this.#budget -= body.events;
    this.#firstFree = (this.#firstFree + 1) % this.#free.length;
    this.#freeCount--;
    this.#outstanding++;
    body.stamp(this.#batch++, Date.now());
    return body;
  }

  acknowledge(body: StampedBody, latencyMs: number): void {
    this.#latencies.addMs(latencyMs);
    this.#requests++;
    const isRepeated = this.#repeated.delete(body);
    if (!isRepeated) this.#truth.add(body);
    if (!isRepeated && this.#requests % this.#repeatEvery === 0) this.#repeat(body);
    else this.#release(body);
    if (this.#onAcknowledged.length > 0) settle(this.#onAcknowledged);
  }

  /**
   * The server said 429 or 503, or the connection broke: the body goes out again unchanged, by the next connection that
   * asks. The caller asks again after a pause, so nobody has to be woken.
   */
  retry(body: StampedBody, reason: 'refused' | 'disconnected'): void {
    if (reason === 'refused') this.#refused++;
    else this.#truth.addResent(body);
    this.#again.push(body);
  }

  /** The answer is wrong for this body. Its events are in no truth, and the test that sees this fails. */
  reject(body: StampedBody, answer: string): void {
    if (this.#unexpected.length < UNEXPECTED_MAX) this.#unexpected.push(answer.slice(0, 400));
    this.#release(body);
  }

  #repeat(body: StampedBody): void {
    this.#repeated.add(body);
    this.#truth.addResent(body);
    this.#again.push(body);
    this.#wakeIdle();
  }

  countReconnect(): void {
    this.#reconnects++;
  }

  resume(): void {
    this.#sending = true;
    this.#wakeIdle();
  }

  async drain(): Promise<number> {
    this.#sending = false;
    if (this.#outstanding > 0) {
      await new Promise<void>((resolve) => this.#onDrained.push(resolve));
    }
    return this.#truth.events;
  }

  nextAcknowledgement(): Promise<void> {
    return new Promise((resolve) => this.#onAcknowledged.push(resolve));
  }

  truth(): Truth {
    return this.#truth.read();
  }

  measure(): Measured {
    const now = performance.now();
    const cpu = process.cpuUsage(this.#cpuSince);
    const measured: Measured = {
      seconds: (now - this.#since) / 1_000,
      events: this.#truth.events - this.#eventsSince,
      requests: this.#requests,
      cpuSeconds: (cpu.user + cpu.system) / 1e6,
      latencyMs: {
        p50: this.#latencies.quantileMs(0.5),
        p99: this.#latencies.quantileMs(0.99),
        p999: this.#latencies.quantileMs(0.999),
        max: this.#latencies.quantileMs(1),
      },
      refused: this.#refused,
      reconnects: this.#reconnects,
      unexpected: this.#unexpected,
    };
    this.#since = now;
    this.#cpuSince = process.cpuUsage();
    this.#eventsSince = this.#truth.events;
    this.#latencies.reset();
    this.#requests = this.#refused = this.#reconnects = 0;
    this.#unexpected = [];
    return measured;
  }

  close(): void {
    clearInterval(this.#pacer);
  }

  #release(body: StampedBody): void {
    this.#free[(this.#firstFree + this.#freeCount) % this.#free.length] = body;
    this.#freeCount++;
    this.#outstanding--;
    if (this.#outstanding === 0) settle(this.#onDrained);
    if (this.#idle.length > 0) this.#wakeIdle();
  }

  #pace(eventsPerSecond: number): void {
    const perTick = (eventsPerSecond * PACE_TICK_MS) / 1_000;
    let last = performance.now();
    this.#budget = perTick;
    this.#pacer = setInterval(() => {
      const now = performance.now();
      /** At most a tenth of a second is made up for, so that a stall is not followed by a burst. */
      const earned = ((now - last) * eventsPerSecond) / 1_000;
      this.#budget = Math.min(this.#budget + earned, Math.max(perTick, eventsPerSecond / 10));
      last = now;
      this.#wakeIdle();
    }, PACE_TICK_MS);
  }

  #wakeIdle(): void {
    const waiting = this.#idle;
    this.#idle = [];
    for (const wake of waiting) wake();
  }
}

function settle(waiting: (() => void)[]): void {
  for (const resolve of waiting.splice(0)) resolve();
}
