/** The main thread's end of a worker thread that is asked questions. */
import { type Transferable, Worker } from 'node:worker_threads';
import { AppError } from '../model/errors.ts';
import { type Answer, Asker, type Question, type Questions } from './asker.ts';
import type { Ending } from './on-demand.ts';
import { THREAD } from './thread-entry.ts';

interface Said {
  readonly type: string;
}

/** All that such a thread hears: what it is asked, what it is told beside that, its end. */
export type ToThread<Q extends Questions, Tells = never> =
  | Question<Q>
  | Tells
  | { readonly type: 'close' };

/** All that it says: answers, what it tells beside them, that it has closed. */
export type FromThread<Told = never> = Answer | Told | { readonly type: 'closed' };

export interface AskedThreadOptions<Told extends Said> {
  /** In logs and errors: "the archive thread". */
  readonly name: string;
  /** What the thread runs. */
  readonly module: URL;
  readonly data: unknown;
  /** Ports in the data. */
  readonly transfer?: readonly Transferable[];
  /** Hears what the thread says beside answers and its end. */
  readonly hear: (message: Told) => void;
  /** Told once, of a thread that ends although nobody closed it. */
  readonly onFailed?: (fault: AppError) => void;
}

/** Told `close`, it finishes what it cannot leave half done and says `closed`; only then is it ended. */
export class AskedThread<Q extends Questions, Tells extends Said = never, Told extends Said = never>
  implements Ending
{
  readonly asker: Asker<Q>;
  hasEnded = false;
  readonly #worker: Worker;
  readonly #closed = Promise.withResolvers<void>();
  #isClosing = false;

  constructor({ name, module, data, transfer = [], hear, onFailed }: AskedThreadOptions<Told>) {
    this.#worker = new Worker(THREAD, {
      argv: [module.href],
      workerData: data,
      transferList: [...transfer],
      name,
    });
    this.asker = new Asker<Q>(`the ${name} thread`, (question) => this.#post(question));
    const end = (reason: string) => {
      const fault = new AppError('thread_failed', `the ${name} thread ended: ${reason}`);
      const isFirst = !this.hasEnded;
      this.hasEnded = true;
      this.asker.end(fault);
      this.#closed.resolve();
      if (isFirst && !this.#isClosing) onFailed?.(fault);
    };
    this.#worker.on('message', (message: FromThread<Told>) => {
      if (isAnswer(message)) this.asker.hear(message);
      else if (isClosed(message)) this.#closed.resolve();
      else hear(message);
    });
    this.#worker.on('error', (error) => end(String(error)));
    this.#worker.on('exit', () => end('by itself'));
  }

  tell(message: Tells): void {
    this.#post(message);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    this.#post({ type: 'close' });
    await this.#closed.promise;
    await this.#worker.terminate();
  }

  #post(message: ToThread<Q, Tells>): void {
    this.#worker.postMessage(message);
  }
}

const isAnswer = (message: Said): message is Answer => message.type === 'answer';
const isClosed = (message: Said): message is { readonly type: 'closed' } =>
  message.type === 'closed';
