/** `streamgauge log inspect`: what is in the log of a data folder. Reads the files alone, beside a running server or without one. */
import { join } from 'node:path';
import { JournalSummary } from '../../storage/log/journal-summary.ts';
import { findBlock, type JournalDamage, walkJournal } from '../../storage/log/journal-walk.ts';
import type { Config } from '../config.ts';
import { AppError } from '../model/errors.ts';
import { offset } from '../model/units.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type ShownBlock, shownBlock, timeOf } from './log-block.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

const ROWS_SHOWN = 10;
/** On a terminal a person reads this many lines of streams; --json has all. */
const STREAMS_SHOWN = 50;

export interface InspectOptions extends Readonly<Record<string, unknown>> {
  readonly partition?: number;
  readonly from?: number;
  readonly block?: number;
  readonly json?: boolean;
}

/** Ends with 1 if something is damaged; an unfinished end is none. */
export async function inspectLog(options: InspectOptions, terminal: Terminal): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  refuseTopic(config);
  const dir = join(config.dataDir, 'journal');
  const print = (value: object) => terminal.out(`${JSON.stringify(value, undefined, 2)}\n`);
  if (options.block !== undefined) {
    const block = await blockAt(dir, options.block);
    if (options.json === true) print(block);
    else terminal.out(blockText(block));
    return EXIT.ok;
  }
  const line = progressLine(terminal);
  const summary = new JournalSummary(options.partition, (files, bytes) =>
    line.show('reading', files, bytes),
  );
  await walkJournal(dir, offset(options.from ?? 0), summary);
  line.end();
  if (options.json === true) print({ dir, ...plain(summary) });
  else terminal.out(summaryText(dir, summary));
  for (const damage of summary.damages) terminal.err(`${damageText(damage)}\n`);
  const untold = summary.damageCount - summary.damages.length;
  if (untold > 0) terminal.err(`and ${untold} more places\n`);
  return summary.damageCount === 0 ? EXIT.ok : EXIT.failed;
}

function refuseTopic({ log: { type, kafka } }: Config): void {
  if (type === 'journal') return;
  throw new AppError(
    'config_invalid',
    `the log is the topic ${kafka?.topic} (log.type: kafka), and this looks into journals alone: look at it with Kafka's own tools, such as kafka-dump-log.sh`,
  );
}

async function blockAt(dir: string, at: number): Promise<ShownBlock> {
  const found = await findBlock(dir, offset(at));
  if ('bytes' in found) return shownBlock(found.bytes, at, ROWS_SHOWN);
  const { startsAt } = found;
  const hint =
    startsAt === undefined
      ? 'no sound block of this log has it; "log inspect" shows what there is'
      : `it lies in the block that starts at ${startsAt}`;
  throw new AppError('log_truncated', `expected the offset of a block, received ${at}: ${hint}`);
}

const plain = (summary: JournalSummary) => ({
  files: summary.files,
  total: summary.total,
  kinds: Object.fromEntries(summary.kinds),
  partitions: summary.partitions,
  streams: summary.streams,
  damageCount: summary.damageCount,
  damages: summary.damages,
  unfinished: summary.tail,
});

function summaryText(dir: string, summary: JournalSummary): string {
  const { files, total, kinds, partitions, streams, tail } = summary;
  const shown = streams.slice(0, STREAMS_SHOWN);
  const left = streams.length - shown.length;
  return [
    `${dir}: ${files.length} files, ${total.blocks} blocks, ${total.bytes} bytes, ${total.rows} rows`,
    '',
    ...table(
      ['file', 'from', 'blocks', 'rows', 'bytes', 'begun'],
      files.map(({ path, base, blocks, rows, fileBytes, createdMs }) => [
        ...[path.slice(dir.length + 1), base, blocks, rows, fileBytes, timeOf(createdMs)],
      ]),
    ),
    ...table(
      ['kind', 'blocks', 'rows', 'bytes'],
      [...kinds].map(([kind, { blocks, rows, bytes }]) => [kind, blocks, rows, bytes]),
    ),
    ...table(
      ['partition', 'blocks', 'rows', 'bytes', 'from', 'to', 'first arrival', 'last arrival'],
      partitions.map((p) => [
        ...[p.partition, p.blocks, p.rows, p.bytes, p.firstOffset, p.endOffset],
        ...[timeOf(p.firstArrivalMs), timeOf(p.lastArrivalMs)],
      ]),
    ),
    ...table(
      ['tenant', 'stream', 'blocks', 'rows', 'bytes', 'received', 'rejected'],
      shown.map(({ tenant = 'others', stream = '', ...sums }) => [
        ...[tenant, stream, sums.blocks, sums.rows, sums.bytes, sums.received, sums.rejected],
      ]),
    ),
    ...(left > 0 ? [`and ${left} more streams: --json has them`, ''] : []),
    ...(tail ? [`unfinished end, torn by a crash or being written: ${damageText(tail)}`, ''] : []),
    summary.damageCount === 0
      ? 'every checksum holds'
      : `${summary.damageCount} places are damaged`,
    '',
  ].join('\n');
}

function blockText({ header, columns, rows, control }: ShownBlock): string {
  return [
    ...Object.entries(header).map(([name, value]) => `${name.padEnd(12)} ${value}`),
    '',
    ...table(
      ['column', 'kind', 'role', 'entries', 'bytes'],
      columns.map(({ name, kind, role, entries, bytes }) => [name, kind, role, entries, bytes]),
    ),
    ...(control === undefined ? [] : [JSON.stringify(control, undefined, 2)]),
    ...rows.map((row) => JSON.stringify(row)),
    '',
  ].join('\n');
}

const damageText = ({ path, byteOffset, offset: at, bytes, problem }: JournalDamage): string =>
  `${path}, byte ${byteOffset} (offset ${at}), ${bytes} bytes: ${problem}`;

/** Aligned columns, numbers to the right; nothing if there are no rows. */
function table(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): readonly string[] {
  if (rows.length === 0) return [];
  const widths = head.map((name, i) =>
    rows.reduce((width, row) => Math.max(width, `${row[i]}`.length), name.length),
  );
  const lineOf = (row: readonly (string | number)[]): string =>
    row
      .map((cell, i) =>
        typeof rows[0]?.[i] === 'number'
          ? `${cell}`.padStart(widths[i] ?? 0)
          : `${cell}`.padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [lineOf(head), ...rows.map(lineOf), ''];
}
