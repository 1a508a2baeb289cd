/** `streamgauge import`: the events of files, each once, however often it is stopped and begun again. */
import type { Config } from '../config.ts';
import { ruleFor } from '../model/event-time.ts';
import { serverAddress } from './ask-server.ts';
import { type AskedIds, arrivedIds } from './bulk/arrived-ids.ts';
import { BulkProgress } from './bulk/bulk-progress.ts';
import { type FormatOptions, formatOf, notRecognised } from './bulk/formats.ts';
import { type ImportFile, known, type SeenFile, seen } from './bulk/import-files.ts';
import type { ImportFormat } from './bulk/import-format.ts';
import { lockState } from './bulk/import-lock.ts';
import { filesAt } from './bulk/import-paths.ts';
import { runImport } from './bulk/import-run.ts';
import { ImportState } from './bulk/import-state.ts';
import { assertAnswers } from './bulk/post-batch.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { grouped } from './table.ts';
import type { Terminal } from './terminal.ts';

type Options = Readonly<Record<string, unknown>>;

/** Files that are passed over and named; the number of all is exact. */
const PASSED_OVER_NAMED_MAX = 20;

/** Fails if records were refused or not understood. What was done is told in any case. */
export async function importFiles(
  paths: readonly string[],
  options: Options,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const stream = `${options['stream'] ?? 'events'}`;
  const statePath = `${options['state'] ?? `streamgauge-import-${stream}.json`}`;
  const unlock = await lockState(statePath);
  try {
    return await importWith(statePath, stream, paths, config, options, terminal);
  } finally {
    unlock();
  }
}

async function importWith(
  statePath: string,
  stream: string,
  paths: readonly string[],
  config: Config,
  options: Options,
  terminal: Terminal,
): Promise<ExitCode> {
  const path = `/v1/events?stream=${encodeURIComponent(stream)}`;
  const address = serverAddress(config, options, path, 'ingest');
  const wanted = formatOptions(options);
  const state = ImportState.open(statePath, { server: address.url.origin, stream, ...wanted });
  const excluded = (options['exclude'] as readonly string[] | undefined) ?? [];
  const found = filesAt(paths, statePath, excluded);
  if (found.length === 0) terminal.err(`no file is in ${paths.join(', ')}\n`);
  // All formats before the first event: what is not understood is told before anything was done.
  const recognised = recognisedOf(await seen(found), wanted, terminal);
  const files = (await known(recognised, state)).filter(isNew);
  const stop = new AbortController();
  const stopListening = terminal.onStopSignal(() => stop.abort());
  const progress = new BulkProgress(terminal);
  const target = { ...address, signal: stop.signal, onWait: progress.wait };
  const arrived = (asked: AskedIds) => arrivedIds(asked, stream, config, options, stop.signal);
  let isWhole = false;
  try {
    await assertAnswers(target);
    warnOfOldTimes(config, stream, terminal);
    await runImport({ state, files, target, progress, arrived });
    isWhole = true;
  } catch (error) {
    if (progress.answers > 0) state.save();
    if (!stop.signal.aborted) throw error;
    progress.end();
    terminal.err('stopped; the same command goes on from here\n');
  } finally {
    stopListening();
    progress.end();
    if (isWhole || progress.answers > 0) tell(state, progress, options['json'] === true, terminal);
  }
  const { refused, unreadable } = state.total();
  return isWhole && refused + unreadable === 0 ? EXIT.ok : EXIT.failed;
}

function formatOptions(options: Options): FormatOptions {
  const given = (name: string) => (options[name] === undefined ? undefined : `${options[name]}`);
  return {
    format: given('format') ?? 'auto',
    type: given('type'),
    typeField: given('typeField'),
    timeField: given('timeField'),
  };
}

interface RecognisedFile extends SeenFile {
  readonly format: ImportFormat;
}

/** Beside files that are recognised those of a folder that are not are passed over and told, such as the error log beside access logs. */
function recognisedOf(
  files: readonly SeenFile[],
  wanted: FormatOptions,
  terminal: Terminal,
): readonly RecognisedFile[] {
  const recognised: RecognisedFile[] = [];
  const others: SeenFile[] = [];
  for (const file of files) {
    const format = formatOf(file.path, file.head, wanted);
    if (format === undefined) others.push(file);
    else recognised.push({ ...file, format });
  }
  const fault = recognised.length === 0 ? others[0] : others.find(({ isNamed }) => isNamed);
  if (fault !== undefined) throw notRecognised(fault.path);
  for (const { path } of others.slice(0, PASSED_OVER_NAMED_MAX)) {
    terminal.err(`${path}: not recognised, passed over (see --format and --exclude)\n`);
  }
  const more = others.length - PASSED_OVER_NAMED_MAX;
  if (more > 0) terminal.err(`${grouped(more)} more files were passed over\n`);
  return recognised;
}

/** A file that is as it was when its last record was settled has nothing new. */
const isNew = ({ bytes, modifiedMs, progress: { end } }: ImportFile): boolean =>
  end?.bytes !== bytes || end.modifiedMs !== modifiedMs;

/** Of the configuration that is found here: that of a server on another machine is not known. */
function warnOfOldTimes({ limits }: Config, stream: string, terminal: Terminal): void {
  const past = ruleFor(limits.eventTime, 'default', stream)?.past;
  if (past === undefined || past.policy === 'keep') return;
  const days = (past.beyondMs / 86_400_000).toFixed(1);
  const fate = past.policy === 'clamp' ? 'counted at the time of the import' : 'refused';
  terminal.err(
    `events older than ${days} days are ${fate}: limits.eventTime has a rule for ${stream} (docs/event-time.md)\n`,
  );
}

function tell(
  state: ImportState,
  progress: BulkProgress,
  asJson: boolean,
  terminal: Terminal,
): void {
  const { seconds, position } = progress;
  const settled = progress.accepted + progress.refused;
  const total = state.total();
  if (asJson) {
    const files = state.sources.length;
    const run = { settled, seconds, perSecond: Math.round(settled / seconds) };
    const told = { ...total, files, run, position, state: state.path, errors: progress.named };
    terminal.out(`${JSON.stringify(told)}\n`);
    return;
  }
  const { accepted, refused, unreadable } = total;
  terminal.out(
    `${grouped(accepted)} events are there, ${grouped(refused)} were refused, ${grouped(unreadable)} records not understood\n`,
  );
  const rate = `${grouped(settled / seconds)}/s`;
  terminal.out(
    `this run: ${grouped(settled)} in ${seconds.toFixed(1)} s (${rate}); ${state.path}\n`,
  );
}
