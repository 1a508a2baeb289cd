/** The main thread's end of the cold thread: there while it is asked. */
import { Worker } from 'node:worker_threads';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import { Asker } from './asker.ts';
import type { ColdQuestions, ColdThreadData, FromCold, ToCold } from './cold-protocol.ts';
import { THREAD } from './thread-entry.ts';

/** What it has staged and opened is worth keeping for the next question, and takes 150 MB. */
const IDLE_MS_MAX = 5 * 60_000;

/** What a question may take beside the time that it is given: the first one starts a thread and a process. */
const START_GRACE_MS = 30_000;

export class ColdWorker {
  readonly #data: ColdThreadData;
  #running: ColdThread | undefined;
  #ending: Promise<void> = Promise.resolve();
  #open = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(data: ColdThreadData) {
    this.#data = data;
  }

  /** Rejects with what the thread says, or `thread_failed` if it ended; the next question then starts another. */
  async ask<Name extends keyof ColdQuestions>(
    name: Name,
    ask: ColdQuestions[Name]['ask'],
  ): Promise<ColdQuestions[Name]['answer']> {
    clearTimeout(this.#timer);
    this.#open += 1;
    try {
      // Two of them would share a folder.
      await this.#ending;
      if (this.#isClosed) throw new AppError('query_overload', 'the server is stopping');
      if (this.#running === undefined || this.#running.hasEnded) {
        this.#running = new ColdThread(this.#data);
      }
      return await this.#running.asker.ask(name, ask, this.#data.timeoutMs + START_GRACE_MS);
    } finally {
      this.#open -= 1;
      if (this.#open === 0) this.#timer = setTimeout(() => void this.#end(), IDLE_MS_MAX).unref();
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#end();
  }

  #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running !== undefined) this.#ending = running.close();
    return this.#ending;
  }
}

class ColdThread {
  readonly asker: Asker<ColdQuestions>;
  hasEnded = false;
  readonly #worker: Worker;
  readonly #closed = Promise.withResolvers<void>();

  constructor(data: ColdThreadData) {
    this.#worker = new Worker(THREAD, {
      argv: [new URL('./cold.ts', import.meta.url).href],
      workerData: data,
      name: 'cold',
    });
    this.asker = new Asker('the cold thread', (question) => this.#tell(question));
    const end = (reason: string) => {
      this.hasEnded = true;
      this.asker.end(new AppError('thread_failed', `the cold thread ended: ${reason}`));
      this.#closed.resolve();
    };
    this.#worker.on('message', (message: FromCold) => {
      if (message.type === 'answer') this.asker.hear(message);
      else if (message.type === 'closed') this.#closed.resolve();
      else assertNever(message);
    });
    this.#worker.on('error', (error) => end(String(error)));
    this.#worker.on('exit', () => end('by itself'));
  }

  async close(): Promise<void> {
    this.#tell({ type: 'close' });
    await this.#closed.promise;
    await this.#worker.terminate();
  }

  #tell(message: ToCold): void {
    this.#worker.postMessage(message);
  }
}
