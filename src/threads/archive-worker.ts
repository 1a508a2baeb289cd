/** The main thread's end of the archive thread. */
import type { ErasureKeeper } from '../../actors/archiver/erasure-jobs.ts';
import type { ArchiverNumbers } from '../../actors/archiver/protocol.ts';
import type { AppError } from '../model/errors.ts';
import type { HiveNumbers } from '../model/hive-numbers.ts';
import { assertNever } from '../model/result.ts';
import type {
  ArchiveQuestions,
  ArchiveThreadData,
  BarrierQuestions,
  Guidance,
  ToldByArchive,
  ToldToArchive,
} from './archive-protocol.ts';
import { AskedThread } from './asked-thread.ts';
import { type Asker, answerOf, type Question } from './asker.ts';
import type { Ending } from './on-demand.ts';

export interface ArchiveWorkerOptions {
  readonly data: ArchiveThreadData;
  /** Answers what every partition has committed, once that would survive a power cut. */
  readonly barrier: () => Promise<readonly number[]>;
  /** Of whoever has asked for erasures. */
  readonly keeper: ErasureKeeper;
  /** What an earlier thread said last; it stands until this one says something. */
  readonly numbers: ArchiverNumbers | undefined;
  /** Told once, of a thread that ends although nobody closed it. */
  readonly onFailed: (fault: AppError) => void;
}

const OPENING = 'the archive is being opened';

export class ArchiveWorker implements Ending {
  /** Resolves when the archive has been opened, or cannot be. */
  readonly opened: Promise<void>;
  /** The last that was heard. */
  numbers: ArchiverNumbers | undefined;
  hive: HiveNumbers | undefined;
  /** Why nothing is archived just now. */
  problem: string | undefined = OPENING;
  readonly #thread: AskedThread<ArchiveQuestions, ToldToArchive, ToldByArchive>;
  readonly #barrier: () => Promise<readonly number[]>;
  readonly #keeper: ErasureKeeper;
  readonly #opened = Promise.withResolvers<void>();

  constructor({ data, barrier, keeper, numbers, onFailed }: ArchiveWorkerOptions) {
    this.#barrier = barrier;
    this.#keeper = keeper;
    this.numbers = numbers;
    this.opened = this.#opened.promise;
    this.#thread = new AskedThread({
      name: 'archive',
      module: new URL('./archive.ts', import.meta.url),
      data,
      hear: (message) => this.#hear(message),
      onFailed: (fault) => {
        this.problem = fault.message;
        this.#opened.resolve();
        onFailed(fault);
      },
    });
  }

  get asker(): Asker<ArchiveQuestions> {
    return this.#thread.asker;
  }

  /** Of a node of a cluster. */
  guide(guidance: Guidance): void {
    this.#thread.tell({ type: 'guide', ...guidance });
  }

  get hasEnded(): boolean {
    return this.#thread.hasEnded;
  }

  /** A commit that is under way is finished first, unless the archive is out of reach. */
  async close(): Promise<void> {
    await this.#thread.close();
    this.#opened.resolve();
  }

  #hear(message: ToldByArchive): void {
    switch (message.type) {
      case 'ask':
        void answerOf(message.id, () => this.#answer(message)).then((answer) =>
          this.#thread.tell(answer),
        );
        break;
      case 'numbers':
        this.numbers = message.numbers;
        if (this.problem === OPENING) this.problem = undefined;
        this.hive = message.hive;
        this.#opened.resolve();
        break;
      case 'problem':
        this.problem = message.problem;
        this.#opened.resolve();
        break;
      default:
        assertNever(message);
    }
  }

  async #answer(question: Question<BarrierQuestions>): Promise<unknown> {
    switch (question.name) {
      case 'barrier':
        return this.#barrier();
      case 'erasureIntended':
        return this.#keeper.intended(question.ask.id, question.ask.intent);
      case 'erasureSettled':
        return this.#keeper.settled(question.ask.id, question.ask.isMade);
      default:
        return assertNever(question);
    }
  }
}
