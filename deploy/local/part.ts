/** One Java process of a service: started, asked whether it is ready, stopped, killed, and found again by its mark. */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findJava, type JavaProgram, javaArgs } from './java.ts';
import { answers } from './probes.ts';
import { diesWithUs, lastLines } from './run.ts';

export interface PartOptions {
  readonly name: string;
  /** Where its log is put. */
  readonly folder: string;
  /** On which it listens. A start is refused if something else does: that would answer for it. */
  readonly ports: readonly number[];
  /** Asked at each start; may fetch what the program needs. */
  readonly program: () => Promise<JavaProgram>;
  readonly env?: Readonly<Record<string, string>>;
  /** Must not throw, and is asked many times. True only when the part does its work. */
  readonly isReady: () => Promise<boolean>;
  /** False: it ends with this process, however this process ends. */
  readonly outlivesUs: boolean;
}

/** Twenty times what a start takes on a quiet machine. */
const READY_MS_MAX = 120_000;
/** What a service needs to write down what it holds; past that it is killed. */
const STOP_MS_MAX = 15_000;
const POLL_MS = 50;

export class Part {
  readonly name: string;
  readonly logFile: string;
  readonly #options: PartOptions;
  /** An argument that only this part has. It cannot outlive the process as a file with a number in it can. */
  readonly #mark: string;

  constructor(options: PartOptions) {
    this.#options = options;
    this.name = options.name;
    this.logFile = join(options.folder, `${options.name}.log`);
    this.#mark = `-Dstreamgauge.part=${resolve(options.folder, options.name)}`;
  }

  /** Undefined if it does not run. Looks at every process; a few milliseconds. */
  get pid(): number | undefined {
    return readdirSync('/proc')
      .map(Number)
      .find((pid) => pid > 0 && argumentsOf(pid).includes(this.#mark));
  }

  /** Of a part that runs; 0 of one that does not. */
  get residentMb(): number {
    const status = readProc(this.pid ?? 0, 'status');
    return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024);
  }

  async isReady(): Promise<boolean> {
    return this.pid !== undefined && (await this.#options.isReady());
  }

  /** Resolves when it is ready, at once if it is already. Rejects with the end of its log. */
  async start(): Promise<void> {
    // A process that has just been spawned has no arguments for a moment: its own end is what counts for it.
    const hasEnded = this.pid === undefined ? await this.#spawn() : () => this.pid === undefined;
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await this.#options.isReady())) {
      if (hasEnded()) throw this.#failure('ended at its start');
      if (performance.now() > deadline)
        throw this.#failure(`is not ready after ${READY_MS_MAX} ms`);
      await sleep(POLL_MS);
    }
  }

  /** SIGSTOP: it keeps its connections and answers nothing, as a machine that hangs, until `resume`. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  resume(): void {
    this.#signal('SIGCONT');
  }

  /** SIGTERM; SIGKILL if that does not help. Resolves when it is gone. */
  async stop(): Promise<void> {
    this.resume();
    if (!(await this.#end('SIGTERM', STOP_MS_MAX))) await this.kill();
  }

  /** Kill -9. Resolves when it is gone. */
  async kill(): Promise<void> {
    const gone = await this.#end('SIGKILL', STOP_MS_MAX);
    if (!gone) throw new Error(`${this.name}, process ${this.pid}, survives SIGKILL`);
  }

  /** Returns whether it has ended since. */
  async #spawn(): Promise<() => boolean> {
    const { folder, ports, program, env, outlivesUs } = this.#options;
    for (const port of ports) {
      // Asked by a client: to a server a port may look taken for a while after a kill.
      if (!(await answers(port))) continue;
      throw new Error(`port ${port}, for ${this.name}, is taken by another program`);
    }
    const [java, args] = [findJava(), javaArgs(await program(), folder)];
    mkdirSync(folder, { recursive: true });
    // This start's log and the one before are kept.
    if (existsSync(this.logFile)) renameSync(this.logFile, `${this.logFile}.1`);
    const log = openSync(this.logFile, 'a');
    const command = diesWithUs(java, [this.#mark, ...args]);
    const [file, all] = outlivesUs ? ([java, [this.#mark, ...args]] as const) : command;
    const child = spawn(file, all, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', log, log],
      // A group of its own, so that Ctrl-C in a terminal does not reach what shall outlive us.
      detached: outlivesUs,
    });
    closeSync(log);
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    child.unref();
    return () => child.exitCode !== null || child.signalCode !== null;
  }

  async #end(signal: NodeJS.Signals, msMax: number): Promise<boolean> {
    const pid = this.pid;
    if (pid === undefined) return true;
    process.kill(pid, signal);
    const deadline = performance.now() + msMax;
    while (!isGone(pid)) {
      if (performance.now() > deadline) return false;
      await sleep(POLL_MS);
    }
    return true;
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.pid;
    if (pid !== undefined) process.kill(pid, signal);
  }

  #failure(what: string): Error {
    return new Error(
      `${this.name} ${what}. The end of ${this.logFile}:\n${lastLines(readFileSync(this.logFile, 'utf8'))}`,
    );
  }
}

/** Empty for a process that has ended, also if nobody has asked for its exit code yet. */
function argumentsOf(pid: number): string[] {
  return readProc(pid, 'cmdline').split('\0');
}

/**
 * A process that ends loses its arguments first and its ports last, with its last thread. One that nobody asks for its exit
 * code stays as a zombie of one thread.
 */
function isGone(pid: number): boolean {
  const status = readProc(pid, 'status');
  return status === '' || (/^State:\s+Z/m.test(status) && /^Threads:\s+[01]$/m.test(status));
}

function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
