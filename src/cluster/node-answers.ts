/** What a node answers to others: of partitions that it has, and of itself. */
import { partitionOf } from '../../storage/state/keys.ts';
import type { KeyRange, ListingStore, StateReader } from '../../storage/state/state.ts';
import { assertNever } from '../model/result.ts';
import { type PartitionLink, partitionElsewhere } from '../threads/partition-links.ts';
import { isOwned, type Progress } from '../threads/progress.ts';
import { NODE_PATIENCE, type NodePatience } from './limits.ts';
import type { AskedQuestion } from './questions.ts';
import { packRows } from './wire.ts';

/** Answers what is asked of each node for itself. Rejects with an `AppError`, also for a name that it does not know. */
export interface NodeResponder {
  answer(name: string, ask: unknown): Promise<unknown>;
}

export interface NodeAnswersOptions {
  /** Of this node's threads: what they do not have must not be asked of a third node. */
  readonly links: PartitionLink;
  readonly state: StateReader & Pick<ListingStore, 'pageDown'>;
  readonly progress: Pick<Progress, 'owned'>;
  readonly responder: NodeResponder;
  readonly patience?: NodePatience | undefined;
}

export class NodeAnswers {
  readonly #options: NodeAnswersOptions;

  constructor(options: NodeAnswersOptions) {
    this.#options = options;
  }

  /** Rejects with `partition_elsewhere`, or with what a thread or the state rejects with. */
  async answer(question: AskedQuestion): Promise<unknown> {
    const { links, state, responder, patience = NODE_PATIENCE } = this.#options;
    const { answerMs } = patience;
    switch (question.name) {
      case 'collect':
        this.#checkOwned(question.ask.partition);
        return links.ask('collect', question.ask, answerMs);
      case 'partials':
        this.#checkOwned(question.ask.partition);
        return links.ask('partials', question.ask, answerMs);
      case 'ledger':
        this.#checkOwned(question.ask.partition);
        return links.ask('ledger', question.ask, answerMs);
      case 'overflows':
        this.#checkOwned(question.ask.partition);
        return links.ask('overflows', question.ask, answerMs);
      case 'verdict':
        this.#checkOwned(question.ask.partition);
        return links.ask('verdict', question.ask, answerMs);
      case 'getMany': {
        const { keys } = question.ask;
        return this.#ofOwned(keys.map(partitionOf), () => state.getMany(keys));
      }
      case 'page': {
        const { from, to, rowsMax, isDown } = question.ask;
        const range = { from, to };
        const read = isDown
          ? () => state.pageDown(range, rowsMax)
          : () => state.page(range, rowsMax);
        return packRows(await this.#ofOwned([partitionOf(from)], read));
      }
      case 'node':
        return responder.answer(question.ask.name, question.ask.ask);
      default:
        return assertNever(question);
    }
  }

  /** As `StateReader.page`, of a partition that this node has from before until after it is read. */
  async page(range: KeyRange, rowsMax: number): ReturnType<StateReader['page']> {
    const { state } = this.#options;
    return this.#ofOwned([partitionOf(range.from)], () => state.page(range, rowsMax));
  }

  /** A partition that comes and goes has its rows replaced: what was read meanwhile is nothing whole. */
  async #ofOwned<T>(partitions: readonly number[], read: () => Promise<T>): Promise<T> {
    for (const partition of partitions) this.#checkOwned(partition);
    const answer = await read();
    for (const partition of partitions) this.#checkOwned(partition);
    return answer;
  }

  #checkOwned(partition: number): void {
    const { progress } = this.#options;
    if (partition >= progress.owned.length || !isOwned(progress, partition)) {
      throw partitionElsewhere(partition);
    }
  }
}
