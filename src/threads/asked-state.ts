/**
 * The state of all partitions for a thread that looks at all of them, on a node of a cluster. What is here it reads itself; of other
 * nodes' partitions it asks the main thread, which has the connections.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { type Voucher, voucherOf } from '../../actors/partition/voucher.ts';
import { partitionOf } from '../../storage/state/keys.ts';
import type { KeyRange, StateReader, StateRow } from '../../storage/state/state.ts';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import { type Answer, Asker, answerOf, type Question } from './asker.ts';
import { hasRows, type Progress } from './progress.ts';

/** Longer than the main thread waits for another node. */
const ANSWER_TIMEOUT_MS = 5_000;

type StateQuestions = {
  readonly getMany: {
    readonly ask: readonly Uint8Array[];
    readonly answer: (Uint8Array | undefined)[];
  };
  readonly page: {
    readonly ask: { readonly range: KeyRange; readonly rowsMax: number };
    readonly answer: readonly StateRow[];
  };
  /** As `Whereabouts.stayOf`, of each. */
  readonly stays: {
    readonly ask: readonly number[];
    readonly answer: readonly (string | undefined)[];
  };
};

/** What the main thread of a node knows of all partitions. */
export interface Whereabouts {
  /** Rows of each partition from where it is. Rejects with `partition_elsewhere`, `node_away` or `query_timeout`. */
  readonly state: StateReader;
  /** Who has the partition, and since which time it came there; undefined: nobody, as far as is known here. */
  stayOf(partition: number): string | undefined;
}

/** Answers a thread until its port is closed. */
export function serveState(port: MessagePort, { state, stayOf }: Whereabouts): void {
  const answer = (question: Question<StateQuestions>) => {
    switch (question.name) {
      case 'getMany':
        return state.getMany(question.ask);
      case 'page':
        return state.page(question.ask.range, question.ask.rowsMax);
      case 'stays':
        return Promise.resolve(question.ask.map(stayOf));
      default:
        return assertNever(question);
    }
  };
  port.on('message', (question: Question<StateQuestions>) => {
    void answerOf(question.id, async () => answer(question)).then((answered) =>
      port.postMessage(answered),
    );
  });
}

/** The data of a thread that is started now, with a way of its own to what is elsewhere, if anything is. */
export function withElsewhere<Data extends object>(
  data: Data,
  whereabouts: Whereabouts | undefined,
): { readonly data: Data & { elsewhere?: MessagePort }; readonly transfer: MessagePort[] } {
  if (whereabouts === undefined) return { data, transfer: [] };
  const { port1, port2 } = new MessageChannel();
  serveState(port1, whereabouts);
  return { data: { ...data, elsewhere: port2 }, transfer: [port2] };
}

export class AskedState implements StateReader {
  readonly voucher: Voucher;
  readonly #local: StateReader;
  readonly #progress: Pick<Progress, 'owned'>;
  readonly #main: Asker<StateQuestions>;

  constructor(port: MessagePort, local: StateReader, progress: Pick<Progress, 'owned'>) {
    this.#local = local;
    this.#progress = progress;
    this.#main = new Asker('the main thread', (question) => port.postMessage(question));
    port.on('message', (answer: Answer) => this.#main.hear(answer));
    port.on('close', () =>
      this.#main.end(new AppError('actor_stopped', 'the main thread has ended')),
    );
    this.voucher = voucherOf(this, (partitions) => this.#stays(partitions));
  }

  /** As `Whereabouts.state` rejects. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.every((key) => this.#isHere(key))
      ? this.#local.getMany(keys)
      : this.#main.ask('getMany', keys, ANSWER_TIMEOUT_MS);
  }

  page(range: KeyRange, rowsMax: number): Promise<readonly StateRow[]> {
    return this.#isHere(range.from)
      ? this.#local.page(range, rowsMax)
      : this.#main.ask('page', { range, rowsMax }, ANSWER_TIMEOUT_MS);
  }

  /** A main thread that does not say where a partition is vouches for none. */
  async #stays(partitions: readonly number[]): Promise<readonly (string | undefined)[]> {
    try {
      return await this.#main.ask('stays', partitions, ANSWER_TIMEOUT_MS);
    } catch (error) {
      if (error instanceof AppError) return partitions.map(() => undefined);
      throw error;
    }
  }

  #isHere(key: Uint8Array): boolean {
    return hasRows(this.#progress, partitionOf(key));
  }
}
