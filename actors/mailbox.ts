/** What waits for an actor: bounded, with the age of the oldest and credit for whoever waits for room. */
import type { AppError } from '../src/model/errors.ts';

/** One message on its way. */
export interface Envelope<Message> {
  readonly message: Message;
  readonly sinceMs: number;
  /** Tells the asker, if there is one, that no answer will come. */
  readonly abort: ((fault: AppError) => void) | undefined;
  /** Set if the actor crashed before it got to it. */
  lost: boolean;
}

interface Waiter {
  readonly below: number;
  readonly resolve: () => void;
}

export class Mailbox<Message> {
  readonly max: number;
  handled = 0;
  /** Messages that were never handled. */
  dead = 0;
  /** In the order of their arrival; the one that is being handled is still among them. */
  readonly #waiting = new Set<Envelope<Message>>();
  #waiters: Waiter[] = [];

  constructor(max: number) {
    this.max = max;
  }

  get depth(): number {
    return this.#waiting.size;
  }

  get oldestSinceMs(): number | undefined {
    for (const { sinceMs } of this.#waiting) return sinceMs;
    return undefined;
  }

  /** Undefined if it is full but for `kept` places. */
  enter(
    message: Message,
    sinceMs: number,
    kept = 0,
    abort?: (fault: AppError) => void,
  ): Envelope<Message> | undefined {
    if (this.#waiting.size >= this.max - kept) return undefined;
    const envelope = { message, sinceMs, abort, lost: false };
    this.#waiting.add(envelope);
    return envelope;
  }

  handledOne(envelope: Envelope<Message>): void {
    this.handled += 1;
    this.#waiting.delete(envelope);
    this.#grantCredit();
  }

  /** Nobody will handle what waits: each is a dead letter, each asker is told. */
  loseAll(fault: AppError, deadLetter: (message: Message) => void): void {
    for (const envelope of this.#waiting) {
      envelope.lost = true;
      this.dead += 1;
      deadLetter(envelope.message);
      envelope.abort?.(fault);
    }
    this.#waiting.clear();
    this.#grantCredit();
  }

  /** Resolves when fewer than `below` wait. */
  credit(below: number): Promise<void> {
    if (this.#waiting.size < below) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push({ below, resolve });
    });
  }

  #grantCredit(): void {
    if (this.#waiters.length === 0) return;
    const depth = this.#waiting.size;
    const granted = this.#waiters.filter(({ below }) => depth < below);
    if (granted.length === 0) return;
    this.#waiters = this.#waiters.filter(({ below }) => depth >= below);
    for (const { resolve } of granted) resolve();
  }
}
