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

  addIngestOptions(addConfigOptions(program.command('import <path...>')), 'write and read')
    .description(
      'bring the events of files into the running server, each once; the same command goes on where it was stopped',
    )
    .option('--url <url>', 'of the query listener (default: as the configuration says)')
    .option('--stream <name>', 'where to (default: events)')
    .option(
      '--format <format>',
      'ndjson, csv, tsv, common, combined, main, vhost_combined, or a format of nginx or Apache (default: what each file looks like)',
    )
    .option('--type <type>', 'of events without one (default: request, of access logs)')
    .option('--type-field <name>', 'the field that is the type; not of access logs')
    .option('--time-field <name>', 'the field that is the time; not of access logs')
    .option(
      '--exclude <pattern>',
      'leave out what is called so, such as "error.log*"; may be given again',
      (pattern: string, others: readonly string[] = []) => [...others, pattern],
    )
    .option('--state <file>', 'how far it is (default: streamgauge-import-STREAM.json)')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      `\nPaths are files and folders, packed by gzip or zstd or not.

Examples:
  streamgauge import --stream web /var/log/nginx
  streamgauge import --stream shop --type order --time-field created orders-2025.csv.gz
  streamgauge import --stream web --format '$remote_addr [$time_local] "$request" $status $request_time' access.log`,
    )
    .action(async (paths: string[], options) => {
      const { importFiles } = await import('../import.ts');
      finish(await importFiles(paths, options, terminal));
    });
}
