/** Asks the partition threads: routes each request to the thread that owns its partition, and matches the answers. */
import type { MessagePort } from 'node:worker_threads';
import { AppError } from '../model/errors.ts';
import type { PartitionAnswer, PartitionRequestName, PartitionRequests } from './protocol.ts';

/** A way to one partition thread. */
export interface PartitionThread {
  /** This asker's own; its other end is one of the thread's `clients`. */
  readonly port: MessagePort;
  readonly partitions: readonly number[];
}

/** Requests that one asker may have open at once, per thread. Past it something is stuck and more would not help. */
const OPEN_REQUESTS_MAX = 4_096;

type Settle = (answer: PartitionAnswer | AppError) => void;

export class PartitionLinks {
  readonly #links: readonly Link[];
  /** Partition -> the link to its thread. */
  readonly #owners = new Map<number, Link>();

  constructor(threads: readonly PartitionThread[]) {
    this.#links = threads.map(({ port }) => new Link(port));
    for (const [i, { partitions }] of threads.entries()) {
      for (const partition of partitions) this.#owners.set(partition, this.#links[i] as Link);
    }
  }

  /**
   * Rejects with the partition's own fault, `query_timeout` if no answer comes in time, or `mailbox_full` if too many
   * requests are open.
   */
  ask<Name extends 'collect' | 'partials' | 'ledger' | 'verdict'>(
    name: Name,
    ask: PartitionRequests[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionRequests[Name]['answer']> {
    const owner = this.#owners.get(ask.partition);
    if (owner === undefined) throw new RangeError(`there is no partition ${ask.partition}`);
    return owner.ask(name, ask, timeoutMs);
  }

  /** The same request to every thread; answers in the order of the threads. */
  askAll<Name extends 'actors' | 'metrics'>(
    name: Name,
    timeoutMs: number,
  ): Promise<PartitionRequests[Name]['answer'][]> {
    return Promise.all(this.#links.map((link) => link.ask(name, {}, timeoutMs)));
  }

  /** As `askAll`, but without the threads that do not answer in time. Rejects by bugs only. */
  async askResponsive<Name extends 'actors' | 'metrics'>(
    name: Name,
    timeoutMs: number,
  ): Promise<PartitionRequests[Name]['answer'][]> {
    const answers = await Promise.all(
      this.#links.map((link) => link.ask(name, {}, timeoutMs).catch(undefinedIfFault)),
    );
    return answers.filter((answer) => answer !== undefined);
  }
}

class Link {
  readonly #port: MessagePort;
  readonly #open = new Map<number, Settle>();
  #asked = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (answer: PartitionAnswer) => this.#open.get(answer.id)?.(answer));
    port.on('close', () => {
      for (const settle of this.#open.values()) settle(GONE);
    });
  }

  ask<Name extends PartitionRequestName>(
    name: Name,
    ask: PartitionRequests[Name]['ask'],
    timeoutMs: number,
  ): Promise<PartitionRequests[Name]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#open.size >= OPEN_REQUESTS_MAX) return reject(TOO_MANY);
      const id = this.#asked++;
      const timer = setTimeout(() => settle(timedOut(name, timeoutMs)), timeoutMs);
      const settle: Settle = (answer) => {
        clearTimeout(timer);
        this.#open.delete(id);
        if (answer instanceof AppError) reject(answer);
        else if (answer.ok) resolve(answer.answer as PartitionRequests[Name]['answer']);
        else reject(faultOf(answer));
      };
      this.#open.set(id, settle);
      this.#port.postMessage({ id, name, ask });
    });
  }
}

function undefinedIfFault(error: unknown): undefined {
  if (!(error instanceof AppError)) throw error;
}

/** A bug over there stays a bug here. */
const faultOf = ({ code, message }: Extract<PartitionAnswer, { ok: false }>): Error =>
  code === undefined ? new Error(message) : new AppError(code, message);

const TOO_MANY = new AppError('mailbox_full', 'too many requests wait for this partition thread');
const GONE = new AppError('actor_stopped', 'the partition thread has ended');
const timedOut = (name: string, timeoutMs: number): AppError =>
  new AppError('query_timeout', `no partition answered "${name}" within ${timeoutMs} ms`);
