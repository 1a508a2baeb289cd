/** How the server is, for subscribers: looked at once for all of them, and only while there are some. */
import { AppError } from '../model/errors.ts';
import type { Health, HealthPort } from './health.ts';
import { HEALTH_EVERY_MS, HEALTH_SUBSCRIBERS_MAX } from './limits.ts';
import type { Scheduler } from './live-query.ts';
import { pullIterator } from './pull-iterator.ts';

export class HealthUpdates {
  readonly #port: HealthPort;
  readonly #scheduler: Scheduler;
  /** What ends each. */
  readonly #subscribers = new Set<() => void>();
  /** Undefined before the first look, and while nobody is there. */
  #latest: Health | undefined;
  #failure: unknown;
  #isLooking = false;
  #cancelLook = (): void => {};
  #moved = Promise.withResolvers<void>();

  constructor(port: HealthPort, scheduler: Scheduler) {
    this.#port = port;
    this.#scheduler = scheduler;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** Throws `query_overload` if a bound is reached. Who reads slowly gets the newest only: nothing waits for anybody. */
  subscribe(): AsyncIterableIterator<Health> {
    if (this.#subscribers.size >= HEALTH_SUBSCRIBERS_MAX) {
      const message = `the server has ${this.#subscribers.size} subscriptions to its health open, as many as it may: end some, or try again later`;
      throw new AppError('query_overload', message);
    }
    let hasEnded = false;
    let seen: Health | undefined;
    const end = () => {
      hasEnded = true;
      this.#subscribers.delete(end);
      if (this.#subscribers.size === 0) this.#rest();
      this.#wake();
    };
    this.#subscribers.add(end);
    if (this.#subscribers.size === 1 && !this.#isLooking) void this.#look();
    const pull = async (): Promise<Health | undefined> => {
      while (!hasEnded) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#latest !== undefined && this.#latest !== seen) {
          seen = this.#latest;
          return seen;
        }
        await this.#moved.promise;
      }
      return undefined;
    };
    return pullIterator(pull, end);
  }

  /** Ends every subscription. */
  close(): void {
    for (const end of [...this.#subscribers]) end();
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    try {
      this.#latest = await this.#port.read();
    } catch (error) {
      this.#failure = error;
    }
    this.#isLooking = false;
    this.#wake();
    if (this.#subscribers.size === 0) this.#rest();
    else this.#cancelLook = this.#scheduler.after(HEALTH_EVERY_MS, () => void this.#look());
  }

  /** Whoever comes next sees how it is then. */
  #rest(): void {
    this.#cancelLook();
    this.#latest = undefined;
    this.#failure = undefined;
  }

  #wake(): void {
    this.#moved.resolve();
    this.#moved = Promise.withResolvers<void>();
  }
}
