/**
 * Decodes bodies: a usual one at once, a long one piece by piece. In one turn of the event loop one piece of one body
 * is decoded, however many wait, so that a flood of long or broken bodies holds up nobody else for long.
 */
import type { Rejection } from '../model/errors.ts';
import { Body, type BodyMemory } from './body-memory.ts';
import type { Coalescer, Destination } from './coalescer.ts';
import type { Contribution } from './contribution.ts';
import type { Counters } from './counters.ts';
import { BODY_START, type BodyPlace, type DecodeOutcome } from './decode/outcome.ts';
import { REPLY_ERRORS_MAX } from './limits.ts';
import type { Quotas } from './quota.ts';
import { timeWarning, type Warning } from './warnings.ts';

const NO_ERRORS: readonly Rejection[] = [];

/** What became of a body so far; whole when its contribution has settled. */
export class BodyOutcome {
  accepted = 0;
  rejected = 0;
  /** The first rejections. */
  errors: readonly Rejection[] = NO_ERRORS;
  warning: Warning | undefined;

  add({ accepted, rejected, rejections, sampleMs }: DecodeOutcome): void {
    this.accepted += accepted;
    this.rejected += rejected;
    this.warning ??= timeWarning(sampleMs);
    if (rejections.length === 0) return;
    const more = rejections.slice(0, REPLY_ERRORS_MAX - this.errors.length);
    const errors = more.map(({ code, line, message }) => ({ line, code, message }));
    this.errors = [...this.errors, ...errors];
  }
}

export interface BodyToDecode {
  readonly destination: Destination;
  readonly bytes: Uint8Array;
  /** False: the bytes are gone when `decode` returns. */
  readonly isOwned: boolean;
  readonly contribution: Contribution;
  readonly outcome: BodyOutcome;
}

export interface PiecesOptions {
  readonly coalescer: Pick<Coalescer, 'add'>;
  readonly memory: BodyMemory;
  readonly counters: Counters;
  readonly quotas: Pick<Quotas, 'charge'>;
}

export class Pieces {
  readonly #options: PiecesOptions;
  readonly #turns = new Turns();

  constructor(options: PiecesOptions) {
    this.#options = options;
  }

  /** Ends the body's contribution. Answers nothing if that has happened already, else a promise of it. */
  decode(body: BodyToDecode): Promise<void> | undefined {
    const rest = this.#piece(body, BODY_START);
    if (rest !== undefined) return this.#goOn(body, rest);
    body.contribution.end();
    return undefined;
  }

  async #goOn(body: BodyToDecode, from: BodyPlace): Promise<void> {
    const copy = new Body(this.#options.memory);
    // With no memory to wait in, it goes on at once.
    const canWait = body.isOwned || copy.append(body.bytes);
    const bytes = body.isOwned || !canWait ? body.bytes : copy.bytes();
    for (let rest: BodyPlace | undefined = from; rest !== undefined; ) {
      if (canWait) await this.#turns.next();
      rest = this.#piece({ ...body, bytes }, rest);
    }
    copy.release();
    body.contribution.end();
  }

  #piece(body: BodyToDecode, from: BodyPlace): BodyPlace | undefined {
    const { coalescer, counters, quotas } = this.#options;
    const { destination, bytes, contribution } = body;
    const outcome = coalescer.add(destination, bytes, contribution, from);
    body.outcome.add(outcome);
    counters.decoded(outcome);
    quotas.charge(destination.tenant, outcome.accepted + outcome.rejected);
    return outcome.rest;
  }
}

/** One waiter per turn of the event loop, in order. As many wait as bodies have memory. */
class Turns {
  readonly #waiting: (() => void)[] = [];

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) setImmediate(() => this.#step());
    });
  }

  #step(): void {
    // The next turn is asked for first: who is woken may wait again, behind the others.
    if (this.#waiting.length > 1) setImmediate(() => this.#step());
    this.#waiting.shift()?.();
  }
}
