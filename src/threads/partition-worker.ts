/** The main thread's end of one partition thread: its life. Requests go through `PartitionClient`. */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { AppError } from '../model/errors.ts';
import { assertNever } from '../model/result.ts';
import type {
  PartitionThreadCommand,
  PartitionThreadEvent,
  PartitionThreadOptions,
} from './protocol.ts';
import { THREAD } from './thread-entry.ts';

export class PartitionWorker {
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
      if (hasFailed || this.#isClosing) return;
      hasFailed = true;
      reject(fault);
      onFailed(fault);
    };
    this.#worker.on('message', (event: PartitionThreadEvent) => {
      switch (event.type) {
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

  /** Stops reading the log, commits what is applied, ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#worker.postMessage({ type: 'close' } satisfies PartitionThreadCommand);
    await this.#ended.promise;
    await this.#worker.terminate();
  }
}
