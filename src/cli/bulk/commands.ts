/** The commands that bring many events in. */
import type { Command } from 'commander';
import { addIngestOptions } from '../ask-server.ts';
import { addConfigOptions } from '../config-options.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

export function addBulkCommands(
  program: Command,
  terminal: Terminal,
  finish: (code: ExitCode) => void,
): void {
  addIngestOptions(addConfigOptions(program.command('send [file]')))
    .description(
      'send NDJSON, plain or packed by gzip or zstd, to the running server; fails if lines were refused',
    )
    .option('--stream <name>', 'where to (default: events)')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `\nWithout a file, or with -, standard input is sent as it comes.\n
Examples:\n  streamgauge send --stream shop events.ndjson.gz\n  my-program | streamgauge send`,
    )
    .action(async (file: string | undefined, options) => {
      const { send } = await import('../send.ts');
      finish(await send(file, options, terminal));
    });
}
