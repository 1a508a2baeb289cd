/** The archive thread's end of its process with DuckDB. */
import { type ChildProcess, fork } from 'node:child_process';
import type { DuckOptions, Statements } from '../../storage/segments/duckdb.ts';
import { AppError } from '../model/errors.ts';
import { Asker } from './asker.ts';
import { type Ending, OnDemand } from './on-demand.ts';
import type { FromSealer, SealerQuestions } from './sealer-protocol.ts';
import { THREAD } from './thread-entry.ts';

/** The longest that a timer waits. A statement has no bound: of a large hour, on a busy machine, it takes minutes. */
const TIMEOUT_MS = 2 ** 31 - 1;

/** Unused for so long it is ended: its memory is more than that of an idle server's threads together. */
const IDLE_END_MS = 10_000;

/** The process while there are segments to make. */
export class Sealer {
  readonly #process = new OnDemand(() => new SealerProcess(), IDLE_END_MS);

  /** Closed by whoever opens it, before the next is opened. Rejects with `segment_failed`. */
  open(options: DuckOptions): Promise<Statements> {
    const opened = Promise.withResolvers<Statements>();
    const inUse = this.#process.use(async (process) => {
      const { rows, interrupt, close } = await process.open(options);
      const closed = Promise.withResolvers<void>();
      const closeBoth = () => {
        close();
        closed.resolve();
      };
      opened.resolve({ rows, interrupt, close: closeBoth });
      await closed.promise;
    });
    inUse.catch(opened.reject);
    return opened.promise;
  }

  close(): Promise<void> {
    return this.#process.close();
  }
}

class SealerProcess implements Ending {
  hasEnded = false;
  readonly #child: ChildProcess;
  readonly #asker: Asker<SealerQuestions>;
  readonly #ended = Promise.withResolvers<void>();

  constructor() {
    this.#child = fork(THREAD, [new URL('./sealer.ts', import.meta.url).href], {
      serialization: 'advanced',
      execArgv: [],
      env: {},
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#asker = new Asker('the process that makes segments', (question) => {
      if (this.#child.connected) this.#child.send(question);
    });
    this.#child.on('message', (answer: FromSealer) => this.#asker.hear(answer));
    const end = (what: string) => {
      this.hasEnded = true;
      this.#asker.end(
        new AppError('segment_failed', `the process that makes segments ended: ${what}`),
      );
      this.#ended.resolve();
    };
    this.#child.on('error', (error) => end(error.message));
    this.#child.on('exit', (code, signal) => end(`code ${code}, signal ${signal}`));
  }

  /** Rows are plain data: of a value of DuckDB's own classes they have the fields. */
  async open(options: DuckOptions): Promise<Statements> {
    await this.#asker.ask('open', options, TIMEOUT_MS);
    const tell = (name: 'interrupt' | 'close') => {
      // Nobody waits for it, and a process that has ended has done it.
      void this.#asker.ask(name, undefined, TIMEOUT_MS).catch(() => undefined);
    };
    return {
      rows: (sql) => this.#asker.ask('rows', { sql }, TIMEOUT_MS),
      interrupt: () => tell('interrupt'),
      close: () => tell('close'),
    };
  }

  close(): Promise<void> {
    this.#child.kill('SIGKILL');
    return this.#ended.promise;
  }
}
