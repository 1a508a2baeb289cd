/** The outside of a command: tests pass their own. */
import { fstatSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { isatty } from 'node:tty';

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly isInteractive: boolean;
  /** One line from standard input, without its end; empty at its end. */
  readLine(prompt: string): Promise<string>;
  /** SIGTERM and SIGINT. Returns how to stop listening. */
  onStopSignal(handler: () => void): () => void;
  /** Lines that fit on it. Absent: nobody knows. */
  readonly rows?: number | undefined;
  /** Each key by itself as it is pressed, Ctrl-C among them. Returns how to stop listening. Absent: nobody presses any. */
  onKey?(handler: (key: string) => void): () => void;
  /** Ends the process at once, without waiting for anything. */
  abort(exitCode: number): void;
}

const STDOUT = 1;

export const processTerminal: Terminal = {
  out(text) {
    // A file of a disk that becomes full has no room for all of it: that is no success, and `process.stdout` tells it nobody.
    if (isFile(STDOUT)) writeFileSync(STDOUT, text);
    else process.stdout.write(text);
  },
  err: (text) => void process.stderr.write(text),
  isInteractive: process.stdout.isTTY === true,
  async readLine(prompt) {
    const lines = createInterface({
      input: process.stdin,
      output: process.stderr,
      terminal: false,
    });
    if (process.stdin.isTTY) process.stderr.write(prompt);
    for await (const line of lines) {
      lines.close();
      return line;
    }
    return '';
  },
  onStopSignal(handler) {
    process.on('SIGTERM', handler).on('SIGINT', handler);
    return () => void process.off('SIGTERM', handler).off('SIGINT', handler);
  },
  get rows() {
    // A terminal that does not know its size says 0.
    return process.stdout.rows || undefined;
  },
  onKey(handler) {
    const { stdin } = process;
    if (stdin.isTTY !== true) return () => {};
    const pressed = (bytes: Buffer) => handler(bytes.toString());
    stdin.setRawMode(true).on('data', pressed).resume();
    return () => void stdin.off('data', pressed).setRawMode(false).pause();
  },
  abort: (exitCode) => process.exit(exitCode),
};

/** Or a device such as /dev/full: what is written is there when the call returns. */
function isFile(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  return stats.isFile() || (stats.isCharacterDevice() && !isatty(descriptor));
}
