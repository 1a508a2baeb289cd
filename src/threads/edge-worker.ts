/** The main thread's end of one edge thread. */
import { type MessagePort, Worker } from 'node:worker_threads';
import type { RecoveryReport } from '../../storage/log/journal-recovery.ts';
import type { EdgeCounts } from '../ingest/counters.ts';
import { AppError } from '../model/errors.ts';
import type { EventsToSend, SentEvents } from '../model/event-to-send.ts';
import { assertNever } from '../model/result.ts';
import type { RollupsControl } from '../model/rollup.ts';
import type { EdgeThreadData, FromEdge, ToEdge } from './edge-protocol.ts';
import { THREAD } from './thread-entry.ts';

export interface Listening {
  readonly port: number;
  /** Of the edge that owns the journal. */
  readonly recovery?: RecoveryReport;
}

export class EdgeWorker {
  /** Resolves when events are taken; rejects if the thread cannot start. */
  readonly listening: Promise<Listening>;
  readonly #worker: Worker;
  readonly #onFailed: (fault: AppError) => void;
  readonly #listening = Promise.withResolvers<Listening>();
  readonly #ended = Promise.withResolvers<undefined>();
  /** Snapshots that were asked for; as many as the metrics page has requests. */
  readonly #counts = new Map<number, (counts: EdgeCounts) => void>();
  /** Definitions that are on their way into the log; a full one holds them up. */
  readonly #defines = new Map<number, () => void>();
  /** Events that the server sends itself; as many calls as the ports of dead letters and test events allow. */
  readonly #sends = new Map<number, (sent: SentEvents) => void>();
  #lastCounts: EdgeCounts | undefined;
  #asks = 0;
  #isClosing = false;
  #hasFailed = false;

  /** `onFailed` is told once, of a thread that ends although nobody closed it. */
  constructor(data: EdgeThreadData, onFailed: (fault: AppError) => void) {
    this.#onFailed = onFailed;
    this.listening = this.#listening.promise;
    // Whoever waits for it sees the rejection; nobody has to.
    this.listening.catch(() => {});
    const ports: MessagePort[] = data.partitionThreads.map(({ port }) => port);
    if (data.log.type === 'remote') ports.push(data.log.port);
    if (data.remotePartitions !== undefined) ports.push(data.remotePartitions);
    this.#worker = new Worker(THREAD, {
      argv: [new URL('./edge.ts', import.meta.url).href],
      workerData: data,
      transferList: ports,
      name: `edge/${data.edgeId}`,
    });
    this.#worker.on('message', (message: FromEdge) => this.#hear(message));
    this.#worker.on('error', (error) => this.#fail(new AppError('thread_failed', String(error))));
    this.#worker.on('exit', () => {
      this.#fail(new AppError('thread_failed', 'an edge thread ended by itself'));
      this.#ended.resolve(undefined);
    });
  }

  /**
   * A snapshot of its counters, or the last one if it is late: metrics add edges up, and a sum that falls looks like a
   * restart. Undefined if there is none, or the thread ends meanwhile.
   */
  async counts(timeoutMs: number): Promise<EdgeCounts | undefined> {
    const id = this.#asks++;
    let timer: NodeJS.Timeout | undefined;
    const counts = new Promise<EdgeCounts | undefined>((resolve) => {
      timer = setTimeout(() => resolve(this.#lastCounts), timeoutMs);
      this.#counts.set(id, resolve);
      this.#tell({ type: 'counts', id });
    });
    try {
      return await Promise.race([counts, this.#ended.promise]);
    } finally {
      clearTimeout(timer);
      this.#counts.delete(id);
    }
  }

  /** Edge 0: resolves when the definitions, or newer ones, are in the log of every partition. Rejects if the thread ends before. */
  async define(control: RollupsControl): Promise<void> {
    const id = this.#asks++;
    const defined = new Promise<'defined'>((resolve) => {
      this.#defines.set(id, () => resolve('defined'));
      this.#tell({ type: 'define', id, control });
    });
    const outcome = await Promise.race([defined, this.#ended.promise]);
    this.#defines.delete(id);
    if (outcome === undefined) {
      throw new AppError('thread_failed', 'the edge thread ended before definitions were logged');
    }
  }

  /** Rejects if the thread ends before it answers. */
  async send(events: EventsToSend): Promise<SentEvents> {
    const id = this.#asks++;
    const answered = new Promise<SentEvents>((resolve) => {
      this.#sends.set(id, resolve);
      this.#tell({ type: 'send', id, events });
    });
    const sent = await Promise.race([answered, this.#ended.promise]);
    this.#sends.delete(id);
    if (sent !== undefined) return sent;
    throw new AppError('thread_failed', 'the edge thread ended before the events were sent');
  }

  /** Says on `/readyz` that the server is ready, or why it is not. */
  setReadiness(reason?: string): void {
    this.#tell(reason === undefined ? { type: 'ready' } : { type: 'ready', reason });
  }

  /** Appends to its journal for whoever holds the other end. */
  serveLog(port: MessagePort): void {
    this.#worker.postMessage({ type: 'serveLog', port } satisfies ToEdge, [port]);
  }

  /** From here on it asks who holds the other end about visits. */
  connectWeb(port: MessagePort): void {
    this.#worker.postMessage({ type: 'connectWeb', port } satisfies ToEdge, [port]);
  }

  /** Stops accepting, answers what is in progress, closes the log, ends. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#tell({ type: 'close' });
    await this.#ended.promise;
  }

  #tell(message: ToEdge): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromEdge): void {
    switch (message.type) {
      case 'listening':
        this.#listening.resolve(message);
        break;
      case 'counts':
        this.#lastCounts = message.counts;
        this.#counts.get(message.id)?.(message.counts);
        break;
      case 'defined':
        this.#defines.get(message.id)?.();
        break;
      case 'sent':
        this.#sends.get(message.id)?.(message.sent);
        break;
      case 'failed': {
        const { code = 'thread_failed', message: text, location } = message.fault;
        this.#fail(new AppError(code, text, location));
        break;
      }
      case 'closed':
        this.#isClosing = true;
        break;
      default:
        assertNever(message);
    }
  }

  #fail(fault: AppError): void {
    if (this.#hasFailed || this.#isClosing) return;
    this.#hasFailed = true;
    this.#listening.reject(fault);
    this.#onFailed(fault);
  }
}
