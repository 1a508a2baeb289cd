/** The main thread's end of one partition thread: its life, and which partitions it has. Questions go through `PartitionLinks`. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { attachLogShared, type LogShared } from '../../storage/log/log-shared.ts';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import { Turns } from '../model/turns.ts';
import { Asker } from './asker.ts';
import { attachProgress, isOwned, type Progress, setOwned } from './progress.ts';
import type {
  PartitionMoves,
  PartitionThreadCommand,
  PartitionThreadEvent,
  PartitionThreadOptions,
} from './protocol.ts';
import { THREAD } from './thread-entry.ts';

/** The longest that a timer waits: loading a state takes its time, and a thread that ends says so. */
const MOVE_MS_MAX = 2 ** 31 - 1;

export class PartitionWorker {
  /** Those that it has whenever this node does. */
  readonly partitions: readonly number[];
  /** One end per asker; whoever asks gets one. */
  readonly ports: readonly MessagePort[];
  /**
   * Resolves once every partition has loaded its committed state, or has failed to and tries again. Rejects if the
   * thread fails before.
   */
  readonly ready: Promise<void>;
  /** What keeps its partitions from being ready, in words, as of a second ago. */
  problems: readonly string[] = [];
  readonly #worker: Worker;
  readonly #shared: LogShared;
  readonly #progress: Progress;
  readonly #asker: Asker<PartitionMoves>;
  /** By partition: what comes and goes. */
  readonly #moves = new Turns<number>();
  readonly #ended = Promise.withResolvers<void>();
  #isClosing = false;

  /**
   * `onFailed` is told once, of a thread that ends although nobody closed it; `onProblems` whenever `problems` has
   * changed.
   */
  constructor(
    options: Omit<PartitionThreadOptions, 'clients'>,
    askers: number,
    onFailed: (fault: AppError) => void,
    onProblems: () => void = () => {},
  ) {
    const channels = Array.from({ length: askers }, () => new MessageChannel());
    const clients = channels.map(({ port2 }) => port2);
    const workerData: PartitionThreadOptions = { ...options, clients };
    this.partitions = options.partitions;
    this.#shared = attachLogShared(options.shared);
    this.#progress = attachProgress(options.progress);
    this.#asker = new Asker('the partition thread', (question) => this.#post(question));
    this.ports = channels.map(({ port1 }) => port1);
    this.#worker = new Worker(THREAD, {
      argv: [new URL('./partition.ts', import.meta.url).href],
      workerData,
      transferList: clients,
      name: `partitions/${options.thread}`,
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Whoever waits for it sees the rejection; nobody has to.
    promise.catch(() => {});
    this.ready = promise;
    let hasFailed = false;
    const fail = (fault: AppError) => {
      this.#asker.end(fault);
      if (hasFailed || this.#isClosing) return;
      hasFailed = true;
      reject(fault);
      onFailed(fault);
    };
    this.#worker.on('message', (event: PartitionThreadEvent) => {
      switch (event.type) {
        case 'answer':
          this.#asker.hear(event);
          break;
        case 'ready':
          resolve();
          break;
        case 'problems':
          this.problems = event.problems;
          onProblems();
          break;
        case 'closed':
          this.#ended.resolve();
          break;
        case 'failed':
          fail(new AppError(event.code ?? 'thread_failed', event.message));
          break;
        default:
          assertNever(event);
      }
    });
    this.#worker.on('error', (error) => fail(new AppError('thread_failed', String(error))));
    this.#worker.on('exit', () => {
      fail(new AppError('thread_failed', 'a partition thread ended by itself'));
      this.#ended.resolve();
    });
  }

  /**
   * Those of `partitions` that come to this thread are this node's from now on: their state in RocksDB is loaded, and the log read on
   * from there. Resolves once each has loaded it, or has failed to and tries again: `problems` says so. Calls about one
   * partition take effect one after the other. Rejects with `thread_failed` if the thread ends.
   */
  async take(partitions: readonly number[]): Promise<void> {
    await this.#move(partitions, async (own) => {
      for (const partition of own) this.#unlearn(partition);
      setOwned(this.#progress, own, true);
      await this.#asker.ask('take', { partitions: own }, MOVE_MS_MAX);
    });
  }

  /**
   * Those of `partitions` that this thread has leave this node, which is then done with them: what it has applied is committed, their
   * rows stay. Questions about them are answered by `partition_elsewhere` meanwhile already. Rejects with `thread_failed` if the
   * thread ends.
   */
  async give(partitions: readonly number[]): Promise<void> {
    await this.#move(partitions, async (own) => {
      await this.#asker.ask('give', { partitions: own }, MOVE_MS_MAX);
      setOwned(this.#progress, own, false);
      // How far this node came says nothing about the one that has it now.
      for (const partition of own) this.#shared.applied[partition] = 0;
    });
  }

  /** Stops reading the log, commits what is applied, ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#post({ type: 'close' });
    await this.#ended.promise;
    await this.#worker.terminate();
  }

  async #move(
    partitions: readonly number[],
    move: (own: readonly number[]) => Promise<void>,
  ): Promise<void> {
    const own = partitions.filter((partition) => this.partitions.includes(partition));
    await Promise.all(own.map((each) => this.#moves.take(each, () => move([each]))));
  }

  /** How far another node is with it says nothing about what is here, which its state will say. */
  #unlearn(partition: number): void {
    if (isOwned(this.#progress, partition)) return;
    this.#shared.applied[partition] = 0;
    this.#progress.committed[partition] = 0;
  }

  #post(command: PartitionThreadCommand): void {
    this.#worker.postMessage(command);
  }
}
