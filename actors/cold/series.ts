/**
 * Measures over time from single events, exact: the same series, steps and labels as a rollup would answer (src/query/plan.ts
 * decides which of the two does), by one statement over all files that may hold events of the range.
 */
import { ok as assert } from 'node:assert';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { EventTools } from './events.ts';
import { FieldSql } from './field-sql.ts';
import type { FoundSeries, SeriesAnswer, SeriesQuestion } from './series-question.ts';
import { type SeriesSource, seriesSql } from './series-sql.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, segmentSource } from './sources.ts';

/** Rejects with `query_invalid` if it had to read or to answer too much, else as DuckDB and the archive do. */
export async function findSeries(
  { duck, segments, timeLeftMs }: EventTools,
  snapshot: StreamSnapshot,
  question: SeriesQuestion,
): Promise<SeriesAnswer> {
  const { schema } = snapshot;
  const files = snapshot.files.filter((file) => mayHold(file, question));
  const chunks = snapshot.chunks.filter(({ file }) => file.tsMaxMs >= question.fromMs);
  const read = [...files, ...chunks.map(({ file }) => file)];
  const scanned = { files: read.length, events: read.reduce((sum, { rows }) => sum + rows, 0) };
  checkScan(scanned, question);
  if (read.length === 0) return { series: [], seriesFound: 0, ...scanned };
  const lease = await segments.lease(files);
  try {
    const archived = files.map((file): SeriesSource => {
      const localPath = lease.paths.get(file.path);
      assert(localPath !== undefined, 'every file of a lease has a path');
      const isWithin = holdsOnly(file, question);
      return { ...segmentSource(file, schema, localPath), isWithin };
    });
    const staged = chunkSources({ ...snapshot, chunks });
    const sources = [...archived, ...staged.map((each) => ({ ...each, isWithin: false }))];
    const fields = new FieldSql(schema);
    const { rows, isTruncated } = await duck.run({
      author: 'server',
      sql: seriesSql(question, schema, sources, fields),
      parameters: fields.parameters,
      views: [],
      paths: sources.map(({ path }) => path),
      rowsMax: question.limit,
      timeoutMs: timeLeftMs(),
    });
    if (isTruncated) throw invalid('the answer is too long: use a smaller limit or a larger step');
    const seriesFound = Number(rows[0]?.[0] ?? 0);
    return { series: rows.map((row) => seriesOf(row, question)), seriesFound, ...scanned };
  } finally {
    lease.release();
  }
}

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
  { files, events }: Pick<SeriesAnswer, 'files' | 'events'>,
  { scanRowsMax }: SeriesQuestion,
): void {
  if (events <= scanRowsMax) return;
  throw invalid(
    `${events} events in ${files} files would have to be read and ${scanRowsMax} are the most ("cold.scanRowsMax"): ` +
      'ask for a shorter range, or declare a rollup',
  );
}

function seriesOf(row: readonly unknown[], { groupBy, measures }: SeriesQuestion): FoundSeries {
  const labels = row.slice(1, 1 + groupBy.length);
  const [steps, ...values] = row.slice(1 + groupBy.length).map(numbersOf);
  assert(steps !== undefined && values.length === measures.length, 'a list for each measure');
  return {
    labels: labels.map((label) => (typeof label === 'string' ? label : null)),
    steps: steps.map(Number),
    values,
  };
}

/** Infinite ones come as texts. */
const numbersOf = (list: unknown): (number | null)[] =>
  Array.isArray(list) ? list.map((value) => (value === null ? null : Number(value))) : [];

const invalid = (message: string): AppError => new AppError('query_invalid', message);
