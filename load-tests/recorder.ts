/** A webhook receiver in a process of its own, see recorder/process.ts; and what it wrote down. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RecorderCommand, RecorderOptions, RecorderReady } from './recorder/protocol.ts';

const ENTRY = fileURLToPath(new URL('./recorder/process.ts', import.meta.url));
const SECRET = `whsec_${Buffer.from('what only the receiver knows').toString('base64')}`;

/** One request as it came. */
export interface Recorded {
  readonly atMs: number;
  readonly id: string;
  /** What the library said about the signature; empty: it is good. */
  readonly problem: string;
  readonly answered: 'ok' | 'error' | 'nothing' | 'closed';
  readonly body: string;
}

/** As the configuration of a server has it. */
export interface WebhookConfig {
  readonly url: string;
  readonly secrets: readonly string[];
  readonly allowNetworks: readonly string[];
}

export class Recorder {
  readonly webhook: WebhookConfig;
  readonly #child: ChildProcess;
  readonly #file: string;

  static async start(options: Omit<RecorderOptions, 'secret'>): Promise<Recorder> {
    const child = fork(
      ENTRY,
      [JSON.stringify({ ...options, secret: SECRET } satisfies RecorderOptions)],
      {
        execArgv: [],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      },
    );
    const [ready]: RecorderReady[] = await once(child, 'message');
    return new Recorder(child, options.file, ready?.port ?? 0);
  }

  private constructor(child: ChildProcess, file: string, port: number) {
    this.#child = child;
    this.#file = file;
    const url = `http://127.0.0.1:${port}/`;
    this.webhook = { url, secrets: [SECRET], allowNetworks: ['127.0.0.0/8'] };
  }

  /** From now on every request is answered well. */
  becomeGood(): void {
    const command: RecorderCommand = 'becomeGood';
    this.#child.send(command);
  }

  read(): Recorded[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n').filter(Boolean);
    return lines.map((line): Recorded => JSON.parse(line));
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}
