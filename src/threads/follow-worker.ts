/** The main thread's end of the thread that follows the log: there while anybody does. */
import type {
  FollowedEvents,
  FollowPort,
  FollowQuestion,
  FollowSource,
} from '../../actors/follow/questions.ts';
import type { AppError } from '../model/errors.ts';
import { type Whereabouts, withElsewhere } from './asked-state.ts';
import { AskedThread } from './asked-thread.ts';
import type {
  FollowedMessage,
  FollowerMessage,
  FollowQuestions,
  FollowThreadData,
} from './follow-protocol.ts';
import { OnDemand } from './on-demand.ts';

/** A page that is loaded again leaves, and comes back. */
const IDLE_MS_MAX = 10_000;
/** The first one starts the thread. */
const FOLLOW_TIMEOUT_MS = 30_000;

type FollowThread = AskedThread<FollowQuestions, FollowerMessage, FollowedMessage>;

export class FollowWorker implements FollowPort {
  readonly #thread: OnDemand<FollowThread>;
  /** By their numbers. */
  readonly #readers = new Map<number, Reader>();
  #read = 0;

  /** `whereabouts`: on a node of a cluster. */
  constructor(data: Omit<FollowThreadData, 'elsewhere'>, whereabouts?: Whereabouts) {
    const module = new URL('./follow.ts', import.meta.url);
    const hear = ({ reader, message }: FollowedMessage) => this.#readers.get(reader)?.hear(message);
    const onFailed = (fault: AppError) => {
      for (const reader of this.#readers.values()) reader.end(fault);
    };
    this.#thread = new OnDemand<FollowThread>(
      () =>
        new AskedThread({
          name: 'follow',
          module,
          hear,
          onFailed,
          ...withElsewhere(data, whereabouts),
        }),
      IDLE_MS_MAX,
    );
  }

  async follow(question: FollowQuestion): Promise<FollowSource> {
    const number = this.#read++;
    const tell = (type: FollowerMessage['type']) =>
      this.#thread.running?.tell({ type, reader: number });
    const reader = new Reader(() => tell('taken'));
    this.#readers.set(number, reader);
    const begun = Promise.withResolvers<void>();
    this.#thread
      .use(async ({ asker }) => {
        await asker.ask('follow', { reader: number, question }, FOLLOW_TIMEOUT_MS);
        begun.resolve();
        await reader.ended;
      })
      .catch(begun.reject)
      .finally(() => {
        this.#readers.delete(number);
        tell('left');
      });
    await begun.promise;
    return reader;
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.values()) reader.close();
    await this.#thread.close();
  }
}

class Reader implements FollowSource {
  readonly #taken: () => void;
  readonly #ended = Promise.withResolvers<void>();
  #waiting: FollowedEvents[] = [];
  #moved = Promise.withResolvers<void>();
  #end: { readonly fault: AppError | undefined } | undefined;

  constructor(taken: () => void) {
    this.#taken = taken;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The thread sends no more than may wait. */
  hear(message: FollowedEvents): void {
    this.#waiting.push(message);
    this.#moved.resolve();
  }

  end(fault: AppError | undefined): void {
    this.#end ??= { fault };
    this.#ended.resolve();
    this.#moved.resolve();
  }

  async next(): Promise<FollowedEvents | undefined> {
    for (;;) {
      if (this.#end?.fault !== undefined) throw this.#end.fault;
      if (this.#end !== undefined) return undefined;
      const message = this.#waiting.shift();
      if (message !== undefined) {
        this.#taken();
        return message;
      }
      this.#moved = Promise.withResolvers();
      await this.#moved.promise;
    }
  }

  close(): void {
    this.end(undefined);
  }
}
