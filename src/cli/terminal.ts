/** The outside of a command: tests pass their own. */
import { createInterface } from 'node:readline/promises';

export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  readonly isInteractive: boolean;
  /** One line from standard input, without its end; empty at its end. */
  readLine(prompt: string): Promise<string>;
  /** SIGTERM and SIGINT. Returns how to stop listening. */
  onStopSignal(handler: () => void): () => void;
  /** Ends the process at once, without waiting for anything. */
  abort(exitCode: number): void;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(text),
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
  abort: (exitCode) => process.exit(exitCode),
};
