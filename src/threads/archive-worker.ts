/** The main thread's end of the archive thread. */
import { Worker } from 'node:worker_threads';
import type { ArchiverNumbers } from '../../actors/archiver/protocol.ts';
import { AppError } from '../model/errors.ts';
import type { HiveNumbers } from '../model/hive-numbers.ts';
import { assertNever } from '../model/result.ts';
import type {
  ArchiveQuestions,
  ArchiveThreadData,
  FromArchive,
  ToArchive,
} from './archive-protocol.ts';
import { Asker, answerOf } from './asker.ts';
import { THREAD } from './thread-entry.ts';

export class ArchiveWorker {
  readonly asker: Asker<ArchiveQuestions>;
  /** Resolves when the archive has been opened, or cannot be. */
  readonly opened: Promise<void>;
  /** The last that was heard. */
  numbers: ArchiverNumbers | undefined;
  hive: HiveNumbers | undefined;
  /** Why nothing is archived just now. */
  problem: string | undefined = 'the archive is being opened';
  readonly #worker: Worker;
  readonly #barrier: () => Promise<readonly number[]>;
  readonly #opened = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #isClosing = false;

  /**
   * `barrier` answers what every partition has committed, once that would survive a power cut. `onFailed` is told once, of
   * a thread that ends although nobody closed it.
   */
  constructor(
    data: ArchiveThreadData,
    barrier: () => Promise<readonly number[]>,
    onFailed: (fault: AppError) => void,
  ) {
    this.#barrier = barrier;
    this.opened = this.#opened.promise;
    this.#worker = new Worker(THREAD, {
      argv: [new URL('./archive.ts', import.meta.url).href],
      workerData: data,
      name: 'archive',
    });
    this.asker = new Asker('the archive thread', (question) => this.#tell(question));
    let hasFailed = false;
    const end = (fault: AppError) => {
      this.asker.end(fault);
      this.#opened.resolve();
      this.#ended.resolve();
      if (hasFailed || this.#isClosing) return;
      hasFailed = true;
      onFailed(fault);
    };
    this.#worker.on('message', (message: FromArchive) => this.#hear(message));
    this.#worker.on('error', (error) => end(new AppError('thread_failed', String(error))));
    this.#worker.on('exit', () =>
      end(new AppError('thread_failed', 'the archive thread ended by itself')),
    );
  }

  /** A cut that is under way is finished first, unless the archive is out of reach. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#tell({ type: 'close' });
    await this.#ended.promise;
    await this.#worker.terminate();
  }

  #hear(message: FromArchive): void {
    switch (message.type) {
      case 'ask':
        void answerOf(message.id, this.#barrier).then((answer) => this.#tell(answer));
        break;
      case 'answer':
        this.asker.hear(message);
        break;
      case 'numbers':
        this.numbers = message.numbers;
        this.hive = message.hive;
        this.#opened.resolve();
        break;
      case 'problem':
        this.problem = message.problem;
        this.#opened.resolve();
        break;
      case 'closed':
        this.#ended.resolve();
        break;
      default:
        assertNever(message);
    }
  }

  #tell(message: ToArchive): void {
    this.#worker.postMessage(message);
  }
}
