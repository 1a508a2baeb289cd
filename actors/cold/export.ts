/**
 * All events of a range as one file, written while they are read: neither this thread nor a disk holds more of it than the
 * reader has still to take. Hence it has no order but that of the files, and what is remote is fetched some files at a time.
 */
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { identifier, segmentColumns } from '../../storage/segments/segment-columns.ts';
import { EventFilter } from './event-filter.ts';
import { conditionsOf } from './events.ts';
import { csvHeader, csvLine, jsonLine, lineParts } from './export-lines.ts';
import { EXPORT_BATCH_BYTES, EXPORT_BATCH_FILES } from './limits.ts';
import type { EventTools } from './question-tools.ts';
import type { CopyQuestion, ExportAnswer, ExportQuestion, TakeBytes } from './questions.ts';
import { leaseSingle } from './segment-parts.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, type Source, segmentSource, tableOf } from './sources.ts';

type Statement = Pick<CopyQuestion, 'sql' | 'parameters'>;

/** Rejects before anything is taken if the question says nothing, else as `DuckRunner.copy` does. */
export async function exportEvents(
  tools: Omit<EventTools, 'joins'>,
  snapshot: StreamSnapshot,
  question: ExportQuestion,
  take: TakeBytes,
): Promise<ExportAnswer> {
  const { schema } = snapshot;
  const isWanted = ({ tsMinMs, tsMaxMs }: { tsMinMs: number; tsMaxMs: number }) =>
    tsMinMs < question.toMs && tsMaxMs >= question.fromMs;
  const files = snapshot.files.filter(isWanted);
  const chunks = chunkSources(snapshot).filter(isWanted);
  const isParquet = question.format === 'parquet';
  const batches = isParquet ? [files] : batchesOf(files);
  let rows = 0;
  let bytes = 0;
  const counted: TakeBytes = (piece) => {
    bytes += piece.length;
    return take(piece);
  };
  const rest = { form: isParquet ? 'parquet' : 'lines', gzip: question.gzip } as const;
  if (question.format === 'csv') {
    const header = headerOf(schema, question);
    await tools.duck.copy(
      { ...rest, ...header, paths: [], isLast: false, timeoutMs: tools.timeLeftMs() },
      counted,
    );
  }
  for (const [i, batch] of batches.entries()) {
    const isLast = i === batches.length - 1;
    const lease = await leaseSingle(tools.segments, batch);
    try {
      const segments = lease.parts.map((part) => segmentSource(part, schema));
      const sources = isLast ? [...segments, ...chunks] : segments;
      const written = await tools.duck.copy(
        {
          ...rest,
          ...statementOf(schema, sources, question),
          paths: sources.map(({ path }) => path),
          isLast,
          timeoutMs: tools.timeLeftMs(),
        },
        counted,
      );
      rows += written.rows;
    } finally {
      lease.release();
    }
  }
  return { rows, bytes };
}

/** At least one batch, be it of no files. */
function batchesOf(files: readonly SegmentFile[]): SegmentFile[][] {
  const batches: SegmentFile[][] = [[]];
  let bytes = 0;
  for (const file of files) {
    const isFull = batches.at(-1)?.length === EXPORT_BATCH_FILES || bytes > EXPORT_BATCH_BYTES;
    if (isFull) batches.push([]);
    bytes = (isFull ? 0 : bytes) + file.bytes;
    batches.at(-1)?.push(file);
  }
  return batches;
}

function headerOf(schema: StreamSchema, { columns, escapesFormulas }: ExportQuestion): Statement {
  const parameters: string[] = [];
  const bind = (value: string) => `$${parameters.push(value)}`;
  const header = csvHeader(lineParts(schema, columns), escapesFormulas, bind);
  return { sql: `SELECT ${header}`, parameters };
}

function statementOf(
  schema: StreamSchema,
  sources: readonly Source[],
  question: ExportQuestion,
): Statement {
  const filter = new EventFilter(schema);
  const list = listOf(schema, question, (value) => filter.value(value));
  const parts = [true, false].map((isCurrent) => {
    const some = sources.filter((source) => source.isCurrent === isCurrent);
    const conditions = conditionsOf(question, filter, isCurrent).map((part) => `(${part})`);
    return `SELECT * FROM (${tableOf(schema, some)}) WHERE ${conditions.join(' AND ')}`;
  });
  const sql = `SELECT ${list} FROM (${parts.join(' UNION ALL ')})`;
  return { sql, parameters: filter.parameters };
}

function listOf(
  schema: StreamSchema,
  { format, columns, escapesFormulas }: ExportQuestion,
  bind: (value: string) => string,
): string {
  switch (format) {
    case 'ndjson':
      return jsonLine(lineParts(schema, columns), bind);
    case 'csv':
      return csvLine(lineParts(schema, columns), escapesFormulas, bind);
    case 'parquet':
      return fileColumns(schema, columns).map(identifier).join(', ');
  }
}

/** Named as in the files of the archive: there a field may have several, and rare ones share one. */
function fileColumns(
  schema: StreamSchema,
  wanted: readonly string[] | undefined,
): readonly string[] {
  const all = segmentColumns(schema).map(({ name }) => name);
  const unknown = wanted?.find((name) => !all.includes(name));
  if (unknown === undefined) return wanted ?? all;
  throw new AppError(
    'query_invalid',
    `there is no column "${unknown}" in the files of stream "${schema.stream}"; there are ${all.join(', ')}`,
  );
}

/** `known`: those of the tenant. */
export function noSuchStream(stream: string, known: readonly string[]): AppError {
  const names = known.map((name) => `"${name}"`).join(', ');
  return new AppError(
    'query_invalid',
    `no events of a stream "${stream}" are known; archived are: ${names === '' ? 'none yet' : names}`,
  );
}
