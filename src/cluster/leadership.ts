/**
 * What only one node of a cluster does, and when: whoever has partition 0 leads. It claims a term in the archive, takes the server's
 * rows from there, and only then its duties begin: alarms, those who send, declarations of rollups. A node that is overtaken hears
 * it from the archive before anybody hears anything from it.
 */
import { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';
import { END_GRACE_MS, RETAKE_MS } from './limits.ts';

/** The rows that only a leader writes. */
export interface LedRows {
  /** Answers the term: greater than all before. `onLost` is told once that nothing is committed any more. Rejects as the archive does. */
  lead(onLost: (fault: AppError) => void): Promise<number>;
  /** What was committed goes to the archive if that takes it soon; nothing is committed any more. */
  end(): Promise<void>;
}

/** What a leader does. */
export interface Duties {
  /** The server's rows are here. May be called again after `end`. */
  begin(term: number): Promise<void>;
  /** Nobody is told of anything once it resolves. */
  end(): Promise<void>;
}

export interface LeadershipOptions {
  readonly rows: LedRows;
  readonly duties: Duties;
  /** Ends early when the signal is aborted. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  readonly log: Logger;
}

export interface Standing {
  /** Undefined: this node does not lead, or not yet. */
  readonly term: number | undefined;
  /** Why a node that should lead does not. */
  readonly problem: string | undefined;
}

/** A time in which this node is to lead. */
interface Wish {
  readonly signal: AbortSignal;
  /** Resolves when it is aborted. */
  readonly over: Promise<void>;
  readonly abort: () => void;
  /** Resolves when the node leads for the first time, or need not. */
  readonly begun: PromiseWithResolvers<void>;
}

export class Leadership {
  readonly #options: LeadershipOptions;
  #wish: Wish | undefined;
  #term: number | undefined;
  #problem: string | undefined;
  /** Of the wish before: what it has begun ends before the next one begins. */
  #working: Promise<void> = Promise.resolve();
  /** While duties are done. */
  #doing: Promise<void> = Promise.resolve();

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  standing(): Standing {
    return { term: this.#term, problem: this.#problem };
  }

  get isLeading(): boolean {
    return this.#term !== undefined;
  }

  /** Begins to lead, and goes on trying until `lose`. Resolves when it leads, or was told to lose before that. */
  take(): Promise<void> {
    if (this.#wish === undefined) {
      const closing = new AbortController();
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const abort = () => {
        closing.abort();
        resolve();
      };
      const begun = Promise.withResolvers<void>();
      const wish: Wish = { signal: closing.signal, over, abort, begun };
      this.#wish = wish;
      this.#working = this.#working.then(() => this.#work(wish));
    }
    return this.#wish.begun.promise;
  }

  /** Resolves when nobody is told of anything from here any more. May be called at any time, and again. */
  async lose(): Promise<void> {
    const wish = this.#wish;
    this.#wish = undefined;
    this.#term = undefined;
    this.#problem = undefined;
    wish?.abort();
    wish?.begun.resolve();
    // Nobody waits for an archive that is asked for a term: duties do not begin once it answers.
    await this.#doing;
  }

  async #work(wish: Wish): Promise<void> {
    const { log, sleep } = this.#options;
    while (!wish.signal.aborted) {
      try {
        await this.#lead(wish);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        this.#say(wish, error);
        log.error({ err: error }, 'this node does not lead, although it should: it is tried again');
      }
      if (!wish.signal.aborted) await sleep(RETAKE_MS, wish.signal);
    }
  }

  /** Resolves when it has come to its end by a wish, rejects with why otherwise. */
  async #lead(wish: Wish): Promise<void> {
    const { rows } = this.#options;
    // Nobody may be waiting for either by then.
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => undefined);
    const term = await rows.lead(lost.reject);
    if (wish.signal.aborted) return rows.end();
    const over = Promise.race([lost.promise, wish.over]);
    over.catch(() => undefined);
    const doing = this.#do(wish, term, over);
    this.#doing = doing.catch(() => undefined);
    await doing;
  }

  /** Until `over` settles. */
  async #do(wish: Wish, term: number, over: Promise<void>): Promise<void> {
    const { duties, rows, sleep, log } = this.#options;
    const ended = new AbortController();
    try {
      await duties.begin(term);
      if (!wish.signal.aborted) {
        this.#term = term;
        this.#problem = undefined;
        wish.begun.resolve();
        log.info({ term }, 'this node leads the cluster');
      }
      await over;
    } finally {
      // Another wish may be there already, and does not lead yet.
      this.#term = undefined;
      // The last words of a board go to the archive, which may be away.
      void sleep(END_GRACE_MS, ended.signal).then(() =>
        ended.signal.aborted ? undefined : rows.end(),
      );
      await duties.end();
      ended.abort();
      await rows.end();
      log.info({ term }, 'this node no longer leads the cluster');
    }
  }

  #say(wish: Wish, { message }: AppError): void {
    if (!wish.signal.aborted) this.#problem = message;
  }
}
