/** A program that runs to its end: its output, or an error that quotes what it said last. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const TAIL_LINES = 25;

/** Rejects if the program cannot be started, ends badly, or is not done in time; it is killed then. */
export async function run(
  command: string,
  args: readonly string[],
  { timeoutMs, ...options }: RunOptions,
): Promise<Output> {
  const child = spawn(...diesWithUs(command, args), {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  const ended = new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? String(code)));
  });
  const [stdout, stderr, end] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (end === '0') return { stdout, stderr };
  const why =
    end === 'SIGKILL' ? `was killed, after ${timeoutMs} ms at the most` : `ended with ${end}`;
  throw new Error(`${command} ${why}\n${lastLines(stderr + stdout)}`);
}

/**
 * The kernel kills what is started this way when this process ends, however it ends: nothing is left behind by a test
 * run that crashed. setpriv comes with util-linux, which every Debian has.
 */
export function diesWithUs(command: string, args: readonly string[]): [string, readonly string[]] {
  return ['setpriv', ['--pdeathsig', 'KILL', '--', command, ...args]];
}

export function lastLines(log: string): string {
  return log.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}
