/**
 * Measures over time from single events, exact: the same series, steps and labels as a rollup would answer (src/query/plan.ts
 * decides which of the two does), by one statement over all files that may hold events of the range.
 */
import { ok as assert } from 'node:assert';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { AppError } from '../../src/model/errors.ts';
import { FieldSql } from './field-sql.ts';
import type { EventTools } from './question-tools.ts';
import { leaseParts } from './segment-parts.ts';
import type {
  FilesRead,
  FoundSeries,
  FoundTop,
  FoundValue,
  SeriesAnswer,
  SeriesQuestion,
  SeriesScan,
} from './series-question.ts';
import { type SeriesSource, seriesSql } from './series-sql.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, segmentSource } from './sources.ts';

/** Rejects with `query_invalid` if it had to read or to answer too much, else as DuckDB and the archive do. */
export async function findSeries(
  tools: EventTools,
  snapshot: StreamSnapshot,
  question: SeriesQuestion,
): Promise<SeriesAnswer> {
  const { schema } = snapshot;
  const held = heldBy(snapshot, question);
  const { files, chunks } = held;
  const { archived: ofArchive, log } = scanOf(held, question);
  const scanned = { files: ofArchive.files + log.files, events: ofArchive.events + log.events };
  if (scanned.files === 0) return { series: [], seriesFound: 0, ...scanned };
  const lease = await leaseParts(tools, files, snapshot.files);
  try {
    const archived = lease.parts.map((part): SeriesSource => {
      const isWithin = part.files.every((file) => holdsOnly(file, question));
      return { ...segmentSource(part, schema), isWithin };
    });
    const staged = chunkSources({ ...snapshot, chunks });
    const sources = [...archived, ...staged.map((each) => ({ ...each, isWithin: false }))];
    const fields = new FieldSql(schema);
    const { rows, isTruncated } = await tools.duck.run({
      author: 'server',
      sql: seriesSql(question, schema, sources, fields),
      parameters: fields.parameters,
      views: [],
      paths: sources.map(({ path }) => path),
      rowsMax: question.limit,
      timeoutMs: tools.timeLeftMs(),
    });
    if (isTruncated) throw invalid('the answer is too long: use a smaller limit or a larger step');
    const seriesFound = Number(rows[0]?.[0] ?? 0);
    return { series: rows.map((row) => seriesOf(row, question)), seriesFound, ...scanned };
  } finally {
    lease.release();
  }
}

/** What `findSeries` reads, without reading it. Throws `query_invalid` if that is too much. */
export const scanSeries = (snapshot: StreamSnapshot, question: SeriesQuestion): SeriesScan =>
  scanOf(heldBy(snapshot, question), question);

type Held = Pick<StreamSnapshot, 'files' | 'chunks'>;

function scanOf({ files, chunks }: Held, question: SeriesQuestion): SeriesScan {
  const [archived, log] = [readOf(files), readOf(chunks.map(({ file }) => file))];
  const times = timesCounted(question);
  const events = archived.events + log.events;
  checkScan({ files: archived.files + log.files, events }, times, question);
  return { archived, log, eventsCounted: events * times };
}

const readOf = (files: readonly { readonly rows: number }[]): FilesRead => ({
  files: files.length,
  events: files.reduce((sum, { rows }) => sum + rows, 0),
});

/** What may hold events of the range. */
const heldBy = ({ files, chunks }: StreamSnapshot, question: SeriesQuestion): Held => ({
  files: files.filter((file) => mayHold(file, question)),
  chunks: chunks.filter(({ file }) => file.tsMaxMs >= question.fromMs),
});

/** An event counts at its arrival, which is in the file's hour, if its own time lies too far ahead of that. */
function mayHold(
  { tsMinMs, tsMaxMs, hourMs }: StreamSnapshot['files'][number],
  { fromMs, toMs }: SeriesQuestion,
): boolean {
  if (tsMaxMs < fromMs) return false;
  return tsMinMs < toMs || (hourMs < toMs && tsMaxMs > hourMs + FUTURE_TOLERANCE_MS);
}

/** None arrived before its file's hour. */
const holdsOnly = (
  { tsMinMs, tsMaxMs, hourMs }: StreamSnapshot['files'][number],
  { fromMs, toMs }: SeriesQuestion,
): boolean => Math.min(tsMinMs, hourMs) >= fromMs && tsMaxMs < toMs;

function checkScan(
  { files, events }: FilesRead,
  times: number,
  { scanRowsMax }: SeriesQuestion,
): void {
  if (events * times <= scanRowsMax) return;
  const often = times === 1 ? '' : `, each counted ${times} times,`;
  throw invalid(
    `${events} events in ${files} files would have to be read${often} and ${scanRowsMax} are the most ("cold.scanRowsMax"): ` +
      'ask for a shorter range, or declare a rollup',
  );
}

/** Windows that an event is in at most, and the whole range where that decides the order of series. */
export function timesCounted({
  windows,
  edges,
  groupBy,
}: Pick<SeriesQuestion, 'windows' | 'edges' | 'groupBy'>): number {
  if (windows === undefined) return 1;
  const changes = new Int32Array(edges.length);
  for (const { first, end } of windows) {
    changes[first] = (changes[first] as number) + 1;
    changes[end] = (changes[end] as number) - 1;
  }
  let [open, most] = [0, 1];
  for (const change of changes) {
    open += change;
    most = Math.max(most, open);
  }
  return groupBy.length > 0 ? most + 1 : most;
}

function seriesOf(row: readonly unknown[], { groupBy, measures }: SeriesQuestion): FoundSeries {
  const labels = row.slice(1, 1 + groupBy.length);
  const [steps, ...values] = row.slice(1 + groupBy.length).map(valuesOf);
  assert(steps !== undefined && values.length === measures.length, 'a list for each measure');
  return {
    labels: labels.map((label) => (typeof label === 'string' ? label : null)),
    steps: steps.map(Number),
    values,
  };
}

/** Infinite numbers come as texts. */
const valuesOf = (list: unknown): FoundValue[] => (Array.isArray(list) ? list.map(foundValue) : []);

function foundValue(value: unknown): FoundValue {
  if (Array.isArray(value)) return value.map(Number);
  if (isTop(value)) {
    const entries = value.entries.map((entry) => ({ ...entry, count: Number(entry.count) }));
    return { total: Number(value.total), entries };
  }
  return value === null ? null : Number(value);
}

const isTop = (value: unknown): value is FoundTop =>
  typeof value === 'object' && value !== null && 'total' in value;

const invalid = (message: string): AppError => new AppError('query_invalid', message);
