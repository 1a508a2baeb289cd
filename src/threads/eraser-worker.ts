/** The main thread's end of the eraser thread: there while something is erased. */
import type { RewritableLog } from '../../storage/log/log.ts';
import type { Erasure } from '../model/erasure.ts';
import { assertNever } from '../model/result.ts';
import { offset } from '../model/units.ts';
import { AskedThread } from './asked-thread.ts';
import { type Answer, answerOf, type Question } from './asker.ts';
import type {
  EraseQuestions,
  EraseThreadData,
  LogQuestions,
  ToldByEraser,
} from './erase-protocol.ts';
import { OnDemand } from './on-demand.ts';

type EraserThread = AskedThread<EraseQuestions, Answer, ToldByEraser>;

/** It ends soon: the next erasure comes in a while. */
const IDLE_END_MS = 10_000;
/** The longest that a timer waits: a log of any length is read. */
const ERASE_TIMEOUT_MS = 2 ** 31 - 1;

export class EraserWorker {
  readonly #data: EraseThreadData;
  readonly #writer: RewritableLog;
  readonly #thread: OnDemand<EraserThread>;

  /** Owns the writer from now on. */
  constructor(data: EraseThreadData, writer: RewritableLog) {
    this.#data = data;
    this.#writer = writer;
    this.#thread = new OnDemand(() => this.#start(), IDLE_END_MS);
  }

  /** As `eraseFromLogAndState`; also rejects with `thread_failed`. */
  erase(ask: EraseQuestions['erase']['ask']): Promise<Erasure> {
    return this.#thread.use(({ asker }) => asker.ask('erase', ask, ERASE_TIMEOUT_MS));
  }

  /** What is under way ends between two files of the log. */
  async close(): Promise<void> {
    await this.#thread.close();
    await this.#writer.close();
  }

  #start(): EraserThread {
    const thread: EraserThread = new AskedThread({
      name: 'eraser',
      module: new URL('./erase.ts', import.meta.url),
      data: this.#data,
      hear: (question) =>
        void answerOf(question.id, () => this.#write(question)).then((answer) =>
          thread.tell(answer),
        ),
    });
    return thread;
  }

  async #write(question: Question<LogQuestions>): Promise<unknown> {
    switch (question.name) {
      case 'endFile':
        return this.#writer.endFile();
      case 'replaceFile':
        return this.#writer.replaceFile(offset(question.ask));
      default:
        return assertNever(question);
    }
  }
}
