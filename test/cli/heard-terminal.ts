/** A terminal without a person: what it was told can be read. */

import type { Terminal } from '../../src/cli/terminal.ts';
import { runCli } from '../../src/cli.ts';

export function heardTerminal(): { terminal: Terminal; heard: { out: string; err: string } } {
  const heard = { out: '', err: '' };
  const terminal: Terminal = {
    out: (text) => {
      heard.out += text;
    },
    err: (text) => {
      heard.err += text;
    },
    isInteractive: false,
    readLine: async () => '',
    onStopSignal: () => () => undefined,
    abort: () => undefined,
  };
  return { terminal, heard };
}

export async function runHeard(
  ...args: string[]
): Promise<{ exitCode: number; out: string; err: string }> {
  const { terminal, heard } = heardTerminal();
  return { exitCode: await runCli(args, terminal), ...heard };
}
