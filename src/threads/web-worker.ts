/** The main thread's end of the thread of visits. It is started again when it ends by itself: events are taken without it meanwhile. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { AppError } from '../model/errors.ts';
import { AskedThread } from './asked-thread.ts';
import type { WebThreadData } from './web-protocol.ts';

/** A bug that comes back at once must not take a processor. */
const RESTART_MS = 5_000;

export interface WebWorkerOptions {
  readonly data: Omit<WebThreadData, 'ports'>;
  /** Each gets a way to the thread, and another one when that starts again. */
  readonly edges: readonly { connectWeb(port: MessagePort): void }[];
  readonly onRestart: (fault: AppError) => void;
}

export class WebWorker {
  readonly #options: WebWorkerOptions;
  #thread: AskedThread<Record<never, never>> | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: WebWorkerOptions) {
    this.#options = options;
    this.#start();
  }

  async close(): Promise<void> {
    clearTimeout(this.#restart);
    await this.#thread?.close();
  }

  #start(): void {
    const { data, edges, onRestart } = this.#options;
    const ports = edges.map((edge) => {
      const { port1, port2 } = new MessageChannel();
      edge.connectWeb(port1);
      return port2;
    });
    this.#thread = new AskedThread({
      name: 'web',
      module: new URL('./web.ts', import.meta.url),
      data: { ...data, ports } satisfies WebThreadData,
      transfer: ports,
      hear: () => {},
      onFailed: (fault) => {
        onRestart(fault);
        this.#thread = undefined;
        this.#restart = setTimeout(() => this.#start(), RESTART_MS);
      },
    });
  }
}
