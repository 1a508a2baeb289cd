/**
 * Asks partitions: each question goes to the thread that has its partition, or out of this server if another node of the cluster
 * has it.
 */
import type { MessagePort } from 'node:worker_threads';
import { AppError, undefinedIfFault } from '../model/errors.ts';
import { type Answer, Asker, answerOf, type Question } from './asker.ts';
import { isOwned, type Progress } from './progress.ts';
import type { AboutPartition, PartitionQuestions } from './protocol.ts';

/** A way to one partition thread. */
export interface PartitionThread {
  /** This asker's own; its other end is one of the thread's `clients`. */
  readonly port: MessagePort;
  /** Those that it has whenever this node does. */
  readonly partitions: readonly number[];
}

/** Whoever can be asked about a partition. Rejects with an `AppError`, or by a bug. */
export interface PartitionLink {
  ask<Name extends AboutPartition>(
    name: Name,
    ask: PartitionQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer']>;
}

/** Of a node of a cluster. */
export interface ElsewhereOptions {
  readonly progress: Pick<Progress, 'owned'>;
  /** Asks the other nodes. Undefined: their partitions are answered by `partition_elsewhere`. */
  readonly remote: PartitionLink | undefined;
}

type Link = Asker<PartitionQuestions>;

export class PartitionLinks implements PartitionLink {
  readonly #links: readonly Link[];
  /** Partition -> the link to its thread. */
  readonly #owners = new Map<number, Link>();
  readonly #elsewhere: ElsewhereOptions | undefined;

  /** Without `elsewhere` all partitions are of these threads. */
  constructor(threads: readonly PartitionThread[], elsewhere?: ElsewhereOptions) {
    this.#elsewhere = elsewhere;
    this.#links = threads.map(({ port }) => linkTo('the partition thread', port));
    for (const [i, { partitions }] of threads.entries()) {
      for (const partition of partitions) this.#owners.set(partition, this.#links[i] as Link);
    }
  }

  /**
   * Rejects with the partition's own fault, `query_timeout` if no answer comes in time, `mailbox_full` if too many requests are
   * open, or `partition_elsewhere` if the partition is just changing its place.
   */
  async ask<Name extends AboutPartition>(
    name: Name,
    ask: PartitionQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionQuestions[Name]['answer']> {
    return this.#linkOf(ask.partition).ask(name, ask, timeoutMs);
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

  #linkOf(partition: number): PartitionLink {
    const owner = this.#owners.get(partition);
    if (owner === undefined) throw new RangeError(`there is no partition ${partition}`);
    const { progress, remote } = this.#elsewhere ?? {};
    if (progress === undefined || isOwned(progress, partition)) return owner;
    if (remote === undefined) throw partitionElsewhere(partition);
    return remote;
  }
}

export const partitionElsewhere = (partition: number): AppError =>
  new AppError('partition_elsewhere', `another node has partition ${partition}`, { partition });

/** The other nodes as a thread asks them that is not the main thread, which serves the other end by `servePartitions`. */
export const remoteLink = (port: MessagePort): PartitionLink => linkTo('another node', port);

/** Answers what comes over `port` by `link`, which has its own time limit `timeoutMs`. */
export function servePartitions(port: MessagePort, link: PartitionLink, timeoutMs: number): void {
  port.on('message', (question: Question<PartitionQuestions>) => {
    const { id, name, ask } = question;
    const answered =
      name === 'actors' || name === 'metrics'
        ? answerOf(id, async () => Promise.reject(new RangeError(`${name} is asked of threads`)))
        : answerOf(id, () => link.ask(name, ask, timeoutMs));
    void answered.then((answer) => port.postMessage(answer));
  });
}

function linkTo(whom: string, port: MessagePort): Link {
  const link: Link = new Asker(whom, (question) => port.postMessage(question));
  port.on('message', (answer: Answer) => link.hear(answer));
  port.on('close', () => link.end(new AppError('actor_stopped', `${whom} has ended`)));
  return link;
}
