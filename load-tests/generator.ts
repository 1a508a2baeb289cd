/** A load generator in a process of its own, so that its work is never mistaken for the server's. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answers, Command, Return } from './generator/protocol.ts';

/** Longer than anything a test waits for; a generator that is silent for longer hangs. */
const ANSWER_MS_MAX = 120_000;
const ENTRY = fileURLToPath(new URL('./generator/process.ts', import.meta.url));

export class Generator {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (message: Return) => void>();
  #calls = 0;

  constructor() {
    this.#child = fork(ENTRY, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message: Return) => this.#waiting.get(message.call)?.(message));
    this.#child.on('exit', () => {
      for (const [call, settle] of this.#waiting) settle({ call, error: 'the generator ended' });
    });
  }

  /** Rejects if the command fails, the process ends or stays silent. */
  async ask<T extends Command['type']>(
    command: Extract<Command, { type: T }>,
  ): Promise<Answers[T]> {
    const call = this.#calls++;
    const { promise, resolve, reject } = Promise.withResolvers<Answers[T]>();
    const timer = setTimeout(
      () => reject(new Error(`generator: no answer to "${command.type}" in ${ANSWER_MS_MAX} ms`)),
      ANSWER_MS_MAX,
    );
    this.#waiting.set(call, ({ answer, error }) => {
      if (error === undefined) resolve(answer as Answers[T]);
      else reject(new Error(`generator: "${command.type}": ${error}`));
    });
    this.#child.send({ ...command, call });
    return promise.finally(() => {
      clearTimeout(timer);
      this.#waiting.delete(call);
    });
  }

  /** Its process ends by itself when the channel closes, also when this process is killed. */
  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
