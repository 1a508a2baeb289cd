/** `streamgauge segments list | show | verify`: what is in the archive. They read it directly, beside a running server or without one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { keptMs } from '../../actors/archiver/retention.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import type { Manifest, SegmentFile } from '../../storage/archive/manifest.ts';
import { OWN_COMMITS_FILE, openOwnCommits } from '../../storage/archive/own-commits.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import { openDuck } from '../../storage/segments/duckdb.ts';
import { literal } from '../../storage/segments/segment-columns.ts';
import type { Config } from '../config.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { askServer } from './ask-server.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { compareWithLedger, type LedgerComparison } from './segments-ledger.ts';
import { type Finding, verifyArchive } from './segments-verify.ts';
import type { Terminal } from './terminal.ts';
import { type Options, withArchive } from './with-archive.ts';

export const listSegments = (options: Options, terminal: Terminal): Promise<ExitCode> =>
  withArchive(options, terminal, async ({ archive, manifest }) => {
    const { stream, tenant } = options;
    const files = [...manifest.files.values()]
      .filter((file) => stream === undefined || file.stream === stream)
      .filter((file) => tenant === undefined || file.tenant === tenant)
      .sort((a, b) => (a.path < b.path ? -1 : 1));
    if (options['json'] === true) {
      const { version, epoch } = manifest;
      print(terminal, { url: archive.url, version, epoch, files });
      return EXIT.ok;
    }
    for (const file of files) terminal.out(`${lineOf(file)}\n`);
    const { rows, bytes } = totalOf(files);
    terminal.out(
      `${files.length} files, ${rows} events, ${bytes} bytes, version ${manifest.version} of ${archive.url}\n`,
    );
    return EXIT.ok;
  });

export const showSegment = (
  path: string,
  options: Options,
  terminal: Terminal,
): Promise<ExitCode> =>
  withArchive(options, terminal, async ({ archive, manifest }) => {
    const file = manifest.files.get(path);
    if (file === undefined) {
      throw new AppError(
        'archive_missing',
        `expected the path of a segment as "segments list" shows it, received "${path}"`,
      );
    }
    const columns = await columnsOf(archive, file);
    if (options['json'] === true) print(terminal, { ...file, columns });
    else {
      terminal.out(`${lineOf(file)}\n`);
      for (const { name, type, bytes } of columns) {
        terminal.out(`  ${name.padEnd(32)} ${type.padEnd(24)} ${bytes} bytes\n`);
      }
    }
    return EXIT.ok;
  });

/** The ledger is a running server's: where none answers that part is left out, and said to be. */
export const verifySegments = (options: Options, terminal: Terminal): Promise<ExitCode> =>
  withArchive(options, terminal, async ({ archive, manifest, config, reload }) => {
    const findings = await inWorkFolder((folder) =>
      verifyArchive(archive, manifest, reload, folder),
    );
    const ledger = await besideLedger(config, options, reload);
    const isAsked = options['url'] !== undefined || options['keyFile'] !== undefined;
    if (!('notCompared' in ledger)) findings.push(...ledger.findings);
    if (options['json'] === true) {
      const { version, files } = manifest;
      print(terminal, { version, files: files.size, findings, ledger });
    } else {
      for (const finding of findings) terminal.err(`${findingText(finding)}\n`);
      const outcome = findings.length === 0 ? 'all is well' : `${findings.length} findings`;
      terminal.out(`${manifest.files.size} files of version ${manifest.version}: ${outcome}\n`);
      terminal.out(`${ledgerText(ledger)}\n`);
    }
    const isWell = findings.length === 0 && !(isAsked && 'notCompared' in ledger);
    return isWell ? EXIT.ok : EXIT.failed;
  });

type BesideLedger = LedgerComparison | { readonly notCompared: string };

async function besideLedger(
  config: Config,
  options: Options,
  load: () => Promise<Manifest>,
): Promise<BesideLedger> {
  try {
    return await compareWithLedger({
      server: askServer(config, options),
      load,
      keptMs: (of) => keptMs(of, config.archive.retention),
      leftOut: (await openOwnCommits(join(config.dataDir, OWN_COMMITS_FILE))).leftOut,
      nowMs: systemClock.now(),
      sleep,
    });
  } catch (error) {
    if (error instanceof AppError) return { notCompared: error.message };
    throw error;
  }
}

const ledgerText = (ledger: BesideLedger): string =>
  'notCompared' in ledger
    ? `not compared with the ledger: ${ledger.notCompared}`
    : `ledger of tenant "${ledger.tenant}": ${ledger.events} events of these hours, ${ledger.waiting} of them wait in the log${beyondText(ledger)}`;

const beyondText = ({ beyond }: LedgerComparison): string =>
  beyond === 0
    ? ''
    : `; ${beyond} more in the archive are from beyond the backup from which it was taken over`;

interface ColumnBytes {
  readonly name: string;
  readonly type: string;
  /** Compressed. */
  readonly bytes: number;
}

const columnsOf = (archive: Archive, { path }: SegmentFile): Promise<ColumnBytes[]> =>
  inWorkFolder(async (folder) => {
    const local = join(folder, 'segment.parquet');
    await archive.fetch(path, local);
    const duck = await openDuck({
      threads: 1,
      memoryBytesMax: 256 * 2 ** 20,
      tempDir: join(folder, 'duckdb'),
      folders: [folder],
    });
    try {
      const rows = await duck.rows(
        `SELECT path_in_schema AS name, any_value(type) AS type,
            sum(total_compressed_size)::DOUBLE AS bytes
          FROM parquet_metadata(${literal(local)}) GROUP BY path_in_schema, column_id ORDER BY column_id`,
      );
      return rows.map(({ name, type, bytes }) => ({
        name: String(name),
        type: String(type),
        bytes: Number(bytes),
      }));
    } finally {
      duck.close();
    }
  });

async function inWorkFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const lineOf = ({ path, rows, bytes, tsMinMs, tsMaxMs }: SegmentFile): string =>
  `${path}  ${rows} events  ${bytes} bytes  ${timeOf(tsMinMs)} to ${timeOf(tsMaxMs)}`;

const findingText = ({ path, problem }: Finding): string => `${path}: ${problem}`;

const timeOf = (ms: number): string => new Date(ms).toISOString();

function print(terminal: Terminal, value: object): void {
  terminal.out(`${JSON.stringify(value, undefined, 2)}\n`);
}
