/** What waits for an actor: bounded, with the age of the oldest, who comes next, and credit for whoever waits for room. */
import type { AppError } from '../src/model/errors.ts';

/** One message on its way. */
export interface Envelope<Message> {
  readonly message: Message;
  readonly sinceMs: number;
  /** Tells the asker, if there is one, that no answer will come. */
  readonly abort: ((fault: AppError) => void) | undefined;
}

/** So many messages may overtake in a row before one of the others gets its turn: questions without end must not hold work up. */
const OVERTAKING_MAX = 8;

interface Entry {
  readonly kept?: number;
  readonly overtakes?: boolean;
  readonly abort?: ((fault: AppError) => void) | undefined;
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
  readonly #overtaking: Envelope<Message>[] = [];
  readonly #inOrder: Envelope<Message>[] = [];
  /** Since the last of the others. */
  #overtook = 0;
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

  /** False if it is full but for `kept` places: then it took nothing. `overtakes`: it comes before all that do not. */
  enter(
    message: Message,
    sinceMs: number,
    { kept = 0, overtakes = false, abort }: Entry = {},
  ): boolean {
    if (this.#waiting.size >= this.max - kept) return false;
    const envelope = { message, sinceMs, abort };
    this.#waiting.add(envelope);
    (overtakes ? this.#overtaking : this.#inOrder).push(envelope);
    return true;
  }

  /** The one to be handled next; undefined if none waits. */
  next(): Envelope<Message> | undefined {
    const isTurnOfOthers = this.#overtook === OVERTAKING_MAX && this.#inOrder.length > 0;
    const overtaking = isTurnOfOthers ? undefined : this.#overtaking.shift();
    this.#overtook = overtaking === undefined ? 0 : Math.min(OVERTAKING_MAX, this.#overtook + 1);
    return overtaking ?? this.#inOrder.shift();
  }

  handledOne(envelope: Envelope<Message>): void {
    this.handled += 1;
    this.#waiting.delete(envelope);
    this.#grantCredit();
  }

  /** Nobody will handle what waits: each is a dead letter, each asker is told. */
  loseAll(fault: AppError, deadLetter: (message: Message) => void): void {
    for (const envelope of this.#waiting) {
      this.dead += 1;
      deadLetter(envelope.message);
      envelope.abort?.(fault);
    }
    this.#waiting.clear();
    this.#overtaking.length = 0;
    this.#inOrder.length = 0;
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
