/** The cold thread's end of a process with DuckDB: starts it, and ends it if it takes more than it may. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type {
  CopyQuestion,
  DuckLimits,
  DuckQuestion,
  DuckRunner,
  ExportAnswer,
  SqlAnswer,
  TakeBytes,
} from '../../actors/cold/questions.ts';
import { AppError, isFault } from '../model/errors.ts';
import { Asker } from './asker.ts';
import { DuckOutput } from './duck-output.ts';
import { type DuckQuestions, type FromDuck, OUTPUT_FD } from './duck-protocol.ts';
import { THREAD } from './thread-entry.ts';

/** Past its own limit of time a statement has so long to stop by itself. */
const STOP_GRACE_MS = 3_000;
const START_TIMEOUT_MS = 30_000;
const PARSE_TIMEOUT_MS = 10_000;

/**
 * Memory that the process may take beside DuckDB's buffers: Node, the library, and what functions allocate past all
 * accounts. A call that allocates does so at some GB/s, hence the short interval.
 */
const OVERHEAD_BYTES_MAX = 512 * 1024 * 1024;
const LOOK_INTERVAL_MS = 25;
const PAGE_BYTES = 4_096;

export class DuckProcess implements DuckRunner {
  readonly #limits: DuckLimits;
  readonly #child: ChildProcess;
  readonly #asker: Asker<DuckQuestions>;
  readonly #listening = Promise.withResolvers<void>();
  readonly #output: DuckOutput;
  #fault: AppError | undefined;

  /** `limits.tempDir` is its own, and removed with it. */
  constructor(limits: DuckLimits, workDir: string) {
    this.#limits = limits;
    const child = fork(THREAD, [new URL('./duck.ts', import.meta.url).href], {
      serialization: 'advanced',
      execArgv: [],
      env: {},
      cwd: workDir,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc', 'pipe'],
    });
    this.#child = child;
    this.#output = new DuckOutput(child.stdio[OUTPUT_FD]);
    this.#asker = new Asker('DuckDB', (question) => {
      if (child.connected) child.send(question);
    });
    const startTimer = setTimeout(() => this.#kill(tooLong()), START_TIMEOUT_MS);
    child.on('message', (message: FromDuck) => {
      clearTimeout(startTimer);
      if (message.type === 'listening') this.#listening.resolve();
      else this.#asker.hear(message);
    });
    const end = (what: string) => {
      clearTimeout(startTimer);
      this.#fault ??= new AppError('archive_io', `the process with DuckDB ended: ${what}`);
      this.#asker.end(this.#fault);
      this.#listening.reject(this.#fault);
      // What it has spilled: nobody else knows of it.
      void rm(limits.tempDir, { recursive: true, force: true }).catch(() => undefined);
    };
    child.on('error', (error) => end(error.message));
    child.on('exit', (code, signal) => end(`code ${code}, signal ${signal}`));
    this.#listening.promise.catch(() => undefined);
  }

  get isUsable(): boolean {
    return this.#fault === undefined;
  }

  run(question: DuckQuestion): Promise<SqlAnswer> {
    const limits = this.#limits;
    return this.#watched(question.timeoutMs + STOP_GRACE_MS, (timeoutMs) =>
      this.#asker.ask('run', { limits, question }, timeoutMs),
    );
  }

  parse(query: string): Promise<string> {
    const limits = this.#limits;
    return this.#watched(PARSE_TIMEOUT_MS, (timeoutMs) =>
      this.#asker.ask('parse', { limits, query }, timeoutMs),
    );
  }

  copy(question: CopyQuestion, take: TakeBytes): Promise<ExportAnswer> {
    const limits = this.#limits;
    return this.#watched(question.timeoutMs + STOP_GRACE_MS, (timeoutMs) =>
      this.#output
        .handOver(take, () => this.#asker.ask('copy', { limits, question }, timeoutMs))
        .catch((error: unknown) => {
          // What it has written and nobody read would be the next export's.
          this.#kill(error instanceof AppError ? error : new AppError('archive_io', String(error)));
          throw error;
        }),
    );
  }

  close(): void {
    this.#kill(new AppError('query_overload', 'the server is stopping'));
  }

  async #watched<T>(timeoutMs: number, ask: (timeoutMs: number) => Promise<T>): Promise<T> {
    await this.#listening.promise;
    const memoryMax = this.#limits.memoryBytesMax + OVERHEAD_BYTES_MAX;
    const look = setInterval(() => {
      if (residentBytes(this.#child.pid) > memoryMax) this.#kill(tooLarge());
    }, LOOK_INTERVAL_MS);
    try {
      return await ask(timeoutMs);
    } catch (error) {
      if (isFault(error, 'query_invalid')) throw error;
      // It may go on with what nothing can interrupt, or be short of memory for the next statement.
      const fault = isFault(error, 'query_timeout') ? tooLong() : error;
      this.#kill(fault instanceof AppError ? fault : new AppError('archive_io', String(error)));
      throw fault;
    } finally {
      clearInterval(look);
    }
  }

  /** The first reason is what is told. */
  #kill(fault: AppError): void {
    this.#fault ??= fault;
    this.#child.kill('SIGKILL');
  }
}

/** 0 where the system does not tell. */
function residentBytes(pid: number | undefined): number {
  try {
    const [, resident] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ');
    return Number(resident) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

const tooLong = (): AppError =>
  new AppError('query_timeout', 'the statement took too long and was stopped: ask for less');

const tooLarge = (): AppError =>
  new AppError(
    'query_overload',
    'the statement takes more memory than "cold.memoryBytesMax" allows: ask for less',
  );
