/** The command line: parses, runs one command, answers with an exit code. `bin/streamgauge.js` calls it. */
import { inspect } from 'node:util';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { addServerOptions } from './cli/ask-server.ts';
import { addBulkCommands } from './cli/bulk/commands.ts';
import { checkConfig } from './cli/check-config.ts';
import { addConfigOptions } from './cli/config-options.ts';
import { EXIT, EXIT_CODES_HELP, type ExitCode } from './cli/exit-codes.ts';
import { createKey, hashKey, type NewKey } from './cli/keys.ts';
import { type StartServer, start } from './cli/start.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';
import { collectGarbage } from './collect-garbage.ts';
import { SCOPES } from './model/access.ts';
import { AppError } from './model/errors.ts';

/** Loaded only by `start`: `config check` and `keys` must work where native modules do not. */
const startRealServer: StartServer = async (config) => {
  const server = await (await import('./main.ts')).startServer(config);
  collectGarbage();
  return server;
};

export async function runCli(
  args: readonly string[] = process.argv.slice(2),
  terminal: Terminal = processTerminal,
  startServer: StartServer = startRealServer,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = createProgram(terminal, startServer, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    terminal.err(faultText(error, args.includes('--verbose')));
    return error instanceof AppError && error.code === 'config_invalid' ? EXIT.config : EXIT.failed;
  }
}

function createProgram(
  terminal: Terminal,
  startServer: StartServer,
  finish: (code: ExitCode) => void,
): Command {
  const program = new Command('streamgauge')
    .description('Event analytics: takes events in, keeps live aggregates, answers over GraphQL.')
    .version(manifest.version)
    .option('--verbose', 'show where an error comes from')
    .exitOverride()
    .configureOutput({ writeOut: terminal.out, writeErr: terminal.err })
    .addHelpText('after', EXIT_CODES_HELP);

  addConfigOptions(program.command('start'))
    .description('run the server until SIGTERM or SIGINT')
    .addHelpText('after', example('streamgauge start --data-dir /var/lib/streamgauge'))
    .action(async (options) => finish(await start(options, terminal, startServer)));

  const config = program.command('config').description('look at the configuration');
  addConfigOptions(config.command('check'))
    .description('print the effective configuration, or every error in it')
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge config check --config streamgauge.yaml'))
    .action((options) => finish(checkConfig(options, terminal)));

  const alarms = program.command('alarms').description('try alarm rules out');
  alarms
    .command('test <file...>')
    .description('run the unit tests of alarm rules that are in these files')
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge alarms test alarms.test.yaml'))
    .action(async (files: string[], options: { json?: boolean }) => {
      // Loaded only here: a start must not wait for what only tests need.
      const { testAlarms } = await import('./cli/alarms.ts');
      finish(testAlarms(files, options, terminal));
    });

  const segments = program.command('segments').description('look into the archive');
  addConfigOptions(segments.command('list'))
    .description('print the files of the newest version')
    .option('--tenant <name>', 'only of this tenant')
    .option('--stream <name>', 'only of this stream')
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge segments list --stream events'))
    .action(async (options) => {
      const { listSegments } = await import('./cli/segments.ts');
      finish(await listSegments(options, terminal));
    });
  addConfigOptions(segments.command('show <path>'))
    .description('print what a file holds, with its columns and their sizes')
    .option('--json', 'for programs')
    .action(async (path: string, options) => {
      const { showSegment } = await import('./cli/segments.ts');
      finish(await showSegment(path, options, terminal));
    });
  addServerOptions(addConfigOptions(segments.command('verify')))
    .description(
      'read every file, compare it with the manifest, and that with the ledger of a running server',
    )
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge segments verify --config streamgauge.yaml'))
    .action(async (options) => {
      const { verifySegments } = await import('./cli/segments.ts');
      finish(await verifySegments(options, terminal));
    });

  addServerOptions(addConfigOptions(program.command('export')), 'read')
    .description('have the running server send its events, and keep them as a file')
    .requiredOption(
      '--out <file>',
      'written as FILE.part, and renamed when it is whole; - for standard output',
    )
    .option('--stream <name>', 'whose events (default: events)')
    .option('--from <time>', 'when the first happened: epoch milliseconds or RFC 3339')
    .option('--to <time>', 'before which the last happened')
    .option('--format <name>', 'ndjson, csv or parquet (default: as FILE ends, else ndjson)')
    .option('--where <json>', 'a condition, as `events` takes it')
    .option('--columns <names>', 'only these fields, with commas between')
    .option('--formulas <how>', 'in csv: escape (default) or keep what a spreadsheet would compute')
    .addHelpText(
      'after',
      example('streamgauge export --stream shop --from 2026-11-01T00:00:00Z --out shop.csv'),
    )
    .action(async (options) => {
      const { exportToFile } = await import('./cli/export.ts');
      finish(await exportToFile(options, terminal));
    });

  addServerOptions(addConfigOptions(program.command('tail')), 'read')
    .description('print the events of the running server as they are committed')
    .option('--stream <name>', 'whose events (default: events)')
    .option('--where <json>', 'a condition, as `events` takes it')
    .option('--contains <text>', 'that some text of the event has in it')
    .option('--rate <count>', 'events a second, at most (default: 100)', countArgument)
    .option('--json', 'a line of JSON for each, as it can be sent again')
    .addHelpText(
      'after',
      example(`streamgauge tail --stream shop --where '{"field":"amount","gte":100}'`),
    )
    .action(async (options) => {
      const { tail } = await import('./cli/tail.ts');
      finish(await tail(options, terminal));
    });

  addBulkCommands(program, terminal, finish);

  addServerOptions(addConfigOptions(program.command('query [graphql]')), 'read')
    .description('ask the running server for measures over time, or anything in GraphQL')
    .option('--stream <name>', 'of whose events (default: events)')
    .option('--measure <measure...>', 'such as "sum(amount)" "quantile(ms, 0.99)" (default: count)')
    .option('--by <field...>', 'a series for each value')
    .option('--last <duration>', 'up to now (default: 1h)')
    .option('--from <time>', 'instead of --last: epoch milliseconds or RFC 3339')
    .option('--to <time>', 'exclusive (default: now)')
    .option('--step <duration>', 'of a row, such as 1m')
    .option('--time-zone <name>', 'whose days and weeks steps follow, such as Europe/Berlin')
    .option('--where <json>', 'a condition, as `timeseries` takes it')
    .option('--limit <count>', 'series, at most (default: 20)', countArgument)
    .addOption(new Option('--csv', 'for spreadsheets').conflicts('json'))
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      example('streamgauge query --stream shop --measure count --by type --last 1h --step 1m'),
    )
    .action(async (graphql: string | undefined, options) => {
      const { query } = await import('./cli/query.ts');
      finish(await query(graphql, options, terminal));
    });

  addServerOptions(addConfigOptions(program.command('top')), 'read')
    .description('show what the running server gets just now, and what fires, until q')
    .option('--stream <name>', 'whose events (default: events)')
    .option('--json', 'one look, for programs')
    .addHelpText('after', example('streamgauge top --stream shop'))
    .action(async (options) => {
      const { top } = await import('./cli/top.ts');
      finish(await top(options, terminal));
    });

  const letters = program
    .command('dead-letters')
    .description('what the running server has refused: look at it, fix it, send it again');
  addLetterOptions(letters.command('list'), 'read')
    .description('print the newest')
    .option('--count <count>', 'how many, at most (default: 20)', countArgument)
    .option('--json', 'a line of JSON for each')
    .addHelpText('after', example('streamgauge dead-letters list --stream shop --code invalid_ts'))
    .action(async (options) => {
      const { listLetters } = await import('./cli/dead-letters.ts');
      finish(await listLetters(options, terminal));
    });
  addLetterOptions(letters.command('export'), 'read')
    .description('keep them as a file of NDJSON, whose lines can be fixed and sent again')
    .requiredOption(
      '--out <file>',
      'written as FILE.part, and renamed when it is whole; - for standard output',
    )
    .addHelpText('after', example('streamgauge dead-letters export --stream shop --out bad.ndjson'))
    .action(async (options) => {
      const { exportLetters } = await import('./cli/dead-letters.ts');
      finish(await exportLetters(options, terminal));
    });
  addLetterOptions(letters.command('resend'), 'read and write')
    .description('send them again, as they were received or fixed; fails if some are refused again')
    .option('--file <file>', 'lines of an export with the fixed event in "text"; without filters')
    .option('--all', 'all that match the filters, as they were received')
    .addHelpText('after', example('streamgauge dead-letters resend --file fixed.ndjson'))
    .action(async (options, command: Command) => {
      if ((options.file === undefined) === (options.all === undefined)) {
        command.error('error: expected either --file, or --all with or without filters');
      }
      const { resendLetters } = await import('./cli/dead-letters.ts');
      finish(await resendLetters(options, terminal));
    });

  const hive = program.command('hive').description('the archive as tables of Hive');
  addConfigOptions(hive.command('ddl'))
    .description('print the statements that make tables of the archive')
    .option('--tenant <name>', 'only of this tenant')
    .option('--stream <name>', 'only of this stream')
    .option(
      '--database-prefix <text>',
      "before a tenant's name (default: archive.hive.databasePrefix)",
    )
    .option('--archive-url <url>', 'how Hive opens the archive (default: archive.hive.archiveUrl)')
    .addHelpText(
      'after',
      example('streamgauge hive ddl --stream events | beeline -u jdbc:hive2://…'),
    )
    .action(async (options) => {
      const { printDdl } = await import('./cli/hive.ts');
      finish(await printDdl(options, terminal));
    });

  addServerOptions(addConfigOptions(program.command('replay')))
    .description(
      'have the running server rebuild rollups from single events, and show what differs',
    )
    .option('--stream <name>', 'whose rollups')
    .option('--from <time>', 'such as 2026-11-01T00:00:00Z; whole buckets behind it are rebuilt')
    .option('--to <time>', 'exclusive')
    .option('--rollup <name>', 'only this one')
    .option('--apply', 'put what was rebuilt in the place of what is there')
    .option(
      '--allow-loss',
      'even if some events are neither in the archive nor in the log any more',
    )
    .option('--id <id>', 'apply a replay that was compared, or that has failed')
    .option('--share <number>', 'of one core, such as 0.5 (default: 1, behind all other work)')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      example(
        'streamgauge replay --stream events --from 2026-11-01T00:00:00Z --to 2026-11-08T00:00:00Z',
      ),
    )
    .action(async (options) => {
      const { replay } = await import('./cli/replay.ts');
      finish(await replay(options, terminal));
    });

  addServerOptions(addConfigOptions(program.command('backup')))
    .description('have the running server copy its data folder into an empty folder of its machine')
    .requiredOption('--to <folder>', 'made if it is not there')
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge backup --to /srv/backups/2026-11-21'))
    .action(async (options) => {
      const { backUp } = await import('./cli/backup.ts');
      finish(await backUp(options, terminal));
    });
  program
    .command('restore')
    .description('make a data folder of a backup; needs no server')
    .requiredOption('--from <folder>', 'the backup')
    .requiredOption('--data-dir <folder>', 'empty, or made if it is not there')
    .option(
      '--take-over',
      'the original is lost: go on with its archive, which was not in the backup',
    )
    .option('-c, --config <file>', 'with --take-over: says where the archive is')
    .option('--json', 'for programs')
    .addHelpText(
      'after',
      example('streamgauge restore --from /srv/backups/2026-11-21 --data-dir /var/lib/streamgauge'),
    )
    .action(async (options) => {
      const { restore } = await import('./cli/restore.ts');
      finish(await restore(options, terminal));
    });

  const cluster = program.command('cluster').description('look at the nodes over one topic');
  addServerOptions(addConfigOptions(cluster.command('status')))
    .description('print what a running node knows of all of them; fails unless all is well')
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge cluster status --url http://node1:8081'))
    .action(async (options) => {
      const { clusterStatus } = await import('./cli/cluster-status.ts');
      finish(await clusterStatus(options, terminal));
    });

  const log = program.command('log').description('look into the log');
  addConfigOptions(log.command('inspect'))
    .description('print what the log of a data folder holds, and what is damaged in it')
    .option('--partition <number>', 'only blocks of this partition', wholeNumber)
    .option('--from <offset>', 'only blocks from here on', wholeNumber)
    .option('--block <offset>', 'show the block that starts here, with its first rows', wholeNumber)
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge log inspect --data-dir /var/lib/streamgauge'))
    .action(async (options) => {
      const { inspectLog } = await import('./cli/log-inspect.ts');
      finish(await inspectLog(options, terminal));
    });

  addConfigOptions(log.command('move'))
    .description(
      'move a data folder from its journal to the topic of the configuration; the server is stopped',
    )
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge log move --config streamgauge.yaml'))
    .action(async (options) => {
      const { moveLogCommand } = await import('./cli/log-move.ts');
      finish(await moveLogCommand(options, terminal));
    });

  const keys = program.command('keys').description('make access keys');
  keys
    .command('create')
    .description('make a key and print it once, with the lines for the configuration file')
    .requiredOption('--tenant <name>', 'whose events it writes or reads', nameArgument)
    .addOption(scopeOption())
    .option('--id <name>', 'its name in logs and metrics', nameArgument)
    .addOption(
      new Option('--public', 'a write key that web pages may show').implies({ scope: ['write'] }),
    )
    .option('--json', 'for programs')
    .addHelpText('after', example('streamgauge keys create --tenant acme --scope write'))
    .action((wanted: NewKey, command: Command) => {
      if (wanted.public && wanted.scope.some((scope) => scope !== 'write')) {
        command.error('error: a public key may only have --scope write');
      }
      finish(createKey(wanted, terminal));
    });
  keys
    .command('hash')
    .description('read a key from standard input and print what the configuration keeps of it')
    .addHelpText('after', example('streamgauge keys hash < key.txt'))
    .action(async () => finish(await hashKey(terminal)));
  return program;
}

const addLetterOptions = (command: Command, scope: string): Command =>
  addServerOptions(addConfigOptions(command), scope)
    .option('--stream <name>', 'only of this stream')
    .option('--code <code>', 'only what was refused for this')
    .option('--from <time>', 'when the first of them came: epoch milliseconds or RFC 3339')
    .option('--to <time>', 'before which the last of them came')
    .option('--contains <text>', 'only with this in what was received, or in the message');

const example = (command: string): string => `\nExample:\n  ${command}`;

const scopeOption = (): Option =>
  new Option('--scope <scope...>', 'what it may do').choices(SCOPES).makeOptionMandatory();

function wholeNumber(value: string): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new InvalidArgumentError('expected a whole number from 0 to 2^53 - 1.');
}

function nameArgument(value: string): string {
  if (/^[\w-]{1,64}$/.test(value)) return value;
  throw new InvalidArgumentError('expected 1 to 64 letters, digits, "_" or "-".');
}

function countArgument(value: string): number {
  if (/^[1-9]\d{0,8}$/.test(value)) return Number(value);
  throw new InvalidArgumentError('expected a whole number from 1 on.');
}

/** Without --verbose no stack: most readers of this line operate the server and did not write it. */
function faultText(error: unknown, isVerbose: boolean): string {
  if (!(error instanceof Error)) return `streamgauge: ${String(error)}\n`;
  const code = error instanceof AppError ? ` (${error.code})` : '';
  const hint = error instanceof AppError ? '' : '; --verbose shows where';
  return isVerbose
    ? `streamgauge: ${inspect(error)}\n`
    : `streamgauge: ${error.message}${code}${hint}\n`;
}
