/** The main thread's end of the thread that reads topics of other programs. It is started again when it ends by itself. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { AppError } from '../model/errors.ts';
import type { SourceStatus } from '../sources/source.ts';
import { AskedThread } from './asked-thread.ts';
import type { SourcesQuestions, SourcesThreadData } from './sources-protocol.ts';

/** A bug that comes back at once must not take a processor. */
const RESTART_MS = 5_000;

export interface SourcesWorkerOptions {
  readonly data: Omit<SourcesThreadData, 'log'>;
  /** Appends for whoever holds the other end. */
  readonly serveLog: (port: MessagePort) => void;
  readonly onRestart: (fault: AppError) => void;
}

export class SourcesWorker {
  readonly #options: SourcesWorkerOptions;
  #thread: AskedThread<SourcesQuestions> | undefined;
  #restart: NodeJS.Timeout | undefined;
  #starts = 0;
  #last: readonly SourceStatus[] = [];

  constructor(options: SourcesWorkerOptions) {
    this.#options = options;
    this.#start();
  }

  /** As they are, or were when they last said it. */
  async status(timeoutMs: number): Promise<readonly SourceStatus[]> {
    try {
      this.#last = (await this.#thread?.asker.ask('status', undefined, timeoutMs)) ?? this.#last;
    } catch {
      // It is busy, or starts again.
    }
    return this.#last;
  }

  /** What was read is made durable and committed, within a bound. */
  async close(): Promise<void> {
    clearTimeout(this.#restart);
    await this.#thread?.close();
  }

  #start(): void {
    const { port1, port2 } = new MessageChannel();
    this.#options.serveLog(port2);
    const { data, onRestart } = this.#options;
    // Blocks are known by their producer and its count, which begins anew.
    const producerId = data.producerId + this.#starts++;
    this.#thread = new AskedThread<SourcesQuestions>({
      name: 'sources',
      module: new URL('./sources.ts', import.meta.url),
      data: { ...data, producerId, log: port1 } satisfies SourcesThreadData,
      transfer: [port1],
      hear: () => {},
      onFailed: (fault) => {
        onRestart(fault);
        this.#thread = undefined;
        this.#restart = setTimeout(() => this.#start(), RESTART_MS);
      },
    });
  }
}
