/** The main thread's end of a replay thread. */
import { assertNever } from '../model/result.ts';
import { AskedThread } from './asked-thread.ts';
import { answerOf, type PlainFault } from './asker.ts';
import type { PartitionHold } from './partition-hold.ts';
import type {
  ReplayNews,
  ReplayQuestions,
  ReplayThreadData,
  ToldByReplay,
  ToldToReplay,
} from './replay-protocol.ts';

export interface ReplayWorkerOptions {
  readonly data: ReplayThreadData;
  readonly hold: PartitionHold;
  readonly onNews: (news: ReplayNews) => void;
  /** Of a replay that has ended without what it was begun for, unless it was closed. */
  readonly onFailed: (fault: PlainFault) => void;
}

export class ReplayWorker {
  readonly #options: ReplayWorkerOptions;
  readonly #thread: AskedThread<ReplayQuestions, ToldToReplay, ToldByReplay>;

  constructor(options: ReplayWorkerOptions) {
    this.#options = options;
    this.#thread = new AskedThread({
      name: 'replay',
      module: new URL('./replay.ts', import.meta.url),
      data: options.data,
      hear: (message) => this.#hear(message),
      onFailed: (fault) => {
        // Whatever became of its swap: partitions load what is stored.
        void options.hold.release(this);
        options.onFailed({ code: fault.code, message: fault.message });
      },
    });
  }

  /** It goes no further. What it has committed is there for another life. */
  async close(): Promise<void> {
    await this.#thread.close();
    await this.#options.hold.release(this);
  }

  #hear(message: ToldByReplay): void {
    switch (message.type) {
      case 'ask':
        void answerOf(message.id, () => this.#answer(message.name)).then((answer) =>
          this.#thread.tell(answer),
        );
        break;
      case 'news':
        this.#options.onNews(message.news);
        break;
      case 'failed':
        this.#options.onFailed(message.fault);
        break;
      default:
        assertNever(message);
    }
  }

  async #answer(name: 'hold' | 'beginSwap' | 'release'): Promise<unknown> {
    const { hold } = this.#options;
    switch (name) {
      case 'hold':
        return hold.begin(this);
      case 'beginSwap':
        return hold.keep(this);
      case 'release':
        return hold.release(this);
      default:
        return assertNever(name);
    }
  }
}
