/** The way to a log that may be out of reach: opens its writer however long that takes, appends, and knows how well that has gone. */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, FAULT, type FaultCode, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { MINUTE_MS, type Offset } from '../../src/model/units.ts';
import type { LogWriter } from '../log/log.ts';

export interface LinkTimes {
  /** An append that takes longer is slow. */
  readonly patienceMs: number;
  /** Nothing has failed or been slow for so long: the log is well. */
  readonly calmMs: number;
  /** From one try to the next. */
  readonly retryMs: number;
}

export interface LogLinkOptions {
  /**
   * Opens the log's own writer, whose `refusal` says when it is worth another try. Rejects with what is retryable while the log is
   * out of reach, and is called again then.
   */
  readonly connect: () => Promise<LogWriter>;
  readonly times: LinkTimes;
  readonly logger: Logger;
}

/** How an append has ended. */
export type Outcome = { readonly offsets: readonly Offset[] } | { readonly fault: AppError };

export class LogLink {
  readonly #options: LogLinkOptions;
  readonly #end = new AbortController();
  #writer: LogWriter | undefined;
  #connecting: Promise<void> | undefined;
  /** Why it could not be opened: there is no such log any more. */
  #gone: AppError | undefined;
  /** As `performance.now` counts. */
  #disturbedAt = Number.NEGATIVE_INFINITY;
  /** By code of the fault, as `performance.now` counts. */
  readonly #toldAt = new Map<FaultCode, number>();

  constructor(options: LogLinkOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#end.signal.aborted;
  }

  /** Undefined until it is open. */
  get writer(): LogWriter | undefined {
    return this.#writer;
  }

  /** A `log_gone` while what is spooled could never come into the log: there is none. */
  get gone(): AppError | undefined {
    if (this.#writer?.refusal !== 'log_gone') return this.#gone;
    return new AppError('log_gone', FAULT.log_gone.meaning);
  }

  /** In how many milliseconds the log counts as well, if nothing happens; 0: it does. */
  get calmInMs(): number {
    return Math.max(0, this.#disturbedAt + this.#options.times.calmMs - performance.now());
  }

  disturb(): void {
    this.#disturbedAt = performance.now();
  }

  /** Resolves when the log is reached, or the link closed. Rejects with what another try does not help against. */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  async append(blocks: readonly Uint8Array[]): Promise<Outcome> {
    if (blocks.length === 0) return { offsets: [] };
    const startedAt = performance.now();
    try {
      if (this.#writer === undefined) throw new AppError('log_away', 'the log was not reached yet');
      const appended = await this.#writer.append(blocks);
      const isSlow = performance.now() - startedAt > this.#options.times.patienceMs / 2;
      if (isSlow) this.disturb();
      return { offsets: appended === 'spooled' ? [] : appended };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.disturb();
      return { fault: error };
    }
  }

  /** An append is worth a try. */
  get isReachable(): boolean {
    return this.#writer !== undefined && this.#writer.refusal === undefined;
  }

  /** Resolves when it is, or the link closed. */
  async whenReachable(): Promise<void> {
    while (!this.isClosed && !this.isReachable) {
      this.disturb();
      await this.pause();
    }
  }

  /** Between two tries. */
  async pause(): Promise<void> {
    const { signal } = this.#end;
    await sleep(this.#options.times.retryMs, undefined, { signal }).catch(() => undefined);
  }

  /** Says why it still goes wrong, once in a while for each reason. */
  tell(fault: AppError): void {
    const toldAt = this.#toldAt.get(fault.code) ?? Number.NEGATIVE_INFINITY;
    if (performance.now() - toldAt < MINUTE_MS) return;
    this.#toldAt.set(fault.code, performance.now());
    const { logger } = this.#options;
    if (fault.code !== 'log_gone') logger.warn({ err: fault }, 'the log is out of reach');
    else logger.error({ err: fault }, 'the log is gone: nothing more is taken for it');
  }

  /** Ends waiting at once; resolves when the log's writer is closed. */
  async close(): Promise<void> {
    this.#end.abort();
    await this.#connecting?.catch(() => undefined);
    await this.#writer?.close();
  }

  async #connect(): Promise<void> {
    while (!this.isClosed) {
      try {
        this.#writer = await this.#options.connect();
        this.#gone = undefined;
        return;
      } catch (error) {
        if (!(error instanceof AppError) || !error.retryable) throw error;
        if (isFault(error, 'log_gone')) this.#gone = error;
        this.disturb();
        this.tell(error);
      }
      await this.pause();
    }
  }
}
