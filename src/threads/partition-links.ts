/** Asks the partition threads: each question goes to the thread that owns its partition. */
import type { MessagePort } from 'node:worker_threads';
import { AppError } from '../model/errors.ts';
import { type Answer, Asker } from './asker.ts';
import type { PartitionQuestions } from './protocol.ts';

/** A way to one partition thread. */
export interface PartitionThread {
  /** This asker's own; its other end is one of the thread's `clients`. */
  readonly port: MessagePort;
  readonly partitions: readonly number[];
}

type Link = Asker<PartitionQuestions>;

export class PartitionLinks {
  readonly #links: readonly Link[];
  /** Partition -> the link to its thread. */
  readonly #owners = new Map<number, Link>();

  constructor(threads: readonly PartitionThread[]) {
    this.#links = threads.map(({ port }) => linkTo(port));
    for (const [i, { partitions }] of threads.entries()) {
      for (const partition of partitions) this.#owners.set(partition, this.#links[i] as Link);
    }
  }

  /**
   * Rejects with the partition's own fault, `query_timeout` if no answer comes in time, or `mailbox_full` if too many
   * requests are open.
   */
  ask<Name extends 'collect' | 'partials' | 'ledger' | 'verdict' | 'hold' | 'release'>(
    name: Name,
    ask: PartitionQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer']> {
    const owner = this.#owners.get(ask.partition);
    if (owner === undefined) throw new RangeError(`there is no partition ${ask.partition}`);
    return owner.ask(name, ask, timeoutMs);
  }

  /** The same request to every thread; answers in the order of the threads. */
  askAll<Name extends 'actors' | 'metrics'>(
    name: Name,
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer'][]> {
    return Promise.all(this.#links.map((link) => link.ask(name, undefined, timeoutMs)));
  }

  /** As `askAll`, but without the threads that do not answer in time. Rejects by bugs only. */
  async askResponsive<Name extends 'actors' | 'metrics'>(
    name: Name,
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer'][]> {
    const answers = await Promise.all(
      this.#links.map((link) => link.ask(name, undefined, timeoutMs).catch(undefinedIfFault)),
    );
    return answers.filter((answer) => answer !== undefined);
  }
}

function linkTo(port: MessagePort): Link {
  const link: Link = new Asker('the partition thread', (question) => port.postMessage(question));
  port.on('message', (answer: Answer) => link.hear(answer));
  port.on('close', () => link.end(new AppError('actor_stopped', 'the partition thread has ended')));
  return link;
}

function undefinedIfFault(error: unknown): undefined {
  if (!(error instanceof AppError)) throw error;
}
