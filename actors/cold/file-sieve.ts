/**
 * Leaves out files that hold no event of a question for certain: by filters of their values that are kept in memory, and by those that
 * they have in them.
 */
import { setImmediate } from 'node:timers/promises';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { filterHash } from '../../storage/parquet/bloom-filter.ts';
import { isRole, valueAs } from './event-filter.ts';
import { FILTER_BITS_MAX, FILTERS_AT_ONCE } from './limits.ts';
import type { DuckRunner, EventsQuestion, EventWhere, Value } from './questions.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { SegmentFilters } from './segment-filters.ts';
import type { ValueFilters } from './value-filters.ts';

export interface SieveTools {
  readonly duck: DuckRunner;
  readonly segments: Pick<SegmentFiles, 'localPath'>;
  readonly filters: ValueFilters;
  readonly segmentFilters: SegmentFilters;
}

/** An event that fits has one of these texts in the field. */
export interface WantedTexts {
  readonly field: string;
  readonly texts: readonly string[];
  /** In which they all are, in a file that has it. Of others some may be in the map of rare fields. */
  readonly column: string | undefined;
}

/** `where` is known not to be too large. */
export function wantedTexts(
  schema: StreamSchema,
  { id, where }: Pick<EventsQuestion, 'id' | 'where'>,
): WantedTexts[] {
  const ofId = id === undefined ? [] : [{ field: 'id', texts: [id], column: 'id' }];
  return where === undefined ? ofId : [...ofId, ...ofWhere(schema, where)];
}

/** What an `or` or a `not` says of a field need not hold for every event that fits. */
function ofWhere(schema: StreamSchema, where: EventWhere): WantedTexts[] {
  const { field, eq, in: some, and = [] } = where;
  const inner = and.flatMap((each) => ofWhere(schema, each));
  if (field === undefined) return inner;
  const lists = [eq === undefined ? undefined : [eq], some].filter((list) => list !== undefined);
  const texts = lists.filter((values) => isOnlyText(schema, field, values));
  const ofField = texts.map((values) => ({
    field,
    texts: values.map(String),
    column: columnOf(schema, field, values),
  }));
  return [...ofField, ...inner];
}

/** A number may be equal to what is in a column of numbers, of which filters say nothing. */
function isOnlyText({ columns }: StreamSchema, field: string, values: readonly Value[]): boolean {
  if (isRole(field)) return true;
  if (field === 'ts') return false;
  return columns
    .filter((column) => column.field === field && column.kind !== COLUMN_KIND.string)
    .every(({ kind }) => values.every((value) => valueAs(value, kind) === undefined));
}

/** What looks like a number or a boolean may have come as one, and has no column in some files. */
function columnOf(
  { columns }: StreamSchema,
  field: string,
  values: readonly Value[],
): string | undefined {
  if (isRole(field)) return field;
  const isText = values.every((value) =>
    OTHER_KINDS.every((kind) => valueAs(value, kind) === undefined),
  );
  if (!isText) return undefined;
  return columns.find((each) => each.field === field && each.kind === COLUMN_KIND.string)?.name;
}

const OTHER_KINDS = [COLUMN_KIND.number, COLUMN_KIND.boolean];

/** Of these files, those in which an event that fits may be. */
export async function filesOf(
  { duck, segments, filters, segmentFilters }: SieveTools,
  wanted: readonly WantedTexts[],
  files: readonly SegmentFile[],
  timeoutMs: number,
): Promise<ReadonlySet<SegmentFile>> {
  if (wanted.length === 0) return new Set(files);
  const kept = wanted.filter(({ field }) => files.some(({ path }) => filters.has(path, field)));
  const hashes = await hashesOf(
    duck,
    kept.flatMap(({ texts }) => texts),
    timeoutMs,
  );
  const judges = wanted.map(({ field, texts, column }) => ({
    field,
    column,
    hashes: texts.map((text) => hashes.get(text) ?? 0),
    fileHashes: texts.map(filterHash),
  }));
  const mayHold = (file: SegmentFile): boolean =>
    judges.every(({ field, column, hashes, fileHashes }) => {
      if (filters.has(file.path, field)) return filters.mayHold(file.path, field, hashes);
      const localPath = segments.localPath(file);
      if (column === undefined || localPath === undefined) return true;
      return segmentFilters.mayHold(file, localPath, column, fileHashes);
    });
  const left = new Set<SegmentFile>();
  for (const [i, file] of files.entries()) {
    if (i % FILTERS_AT_ONCE === 0) await setImmediate();
    if (mayHold(file)) left.add(file);
  }
  return left;
}

/** It has filters in it of all that is wanted. */
export function isFiltered(
  { segments, segmentFilters }: Pick<SieveTools, 'segments' | 'segmentFilters'>,
  wanted: readonly WantedTexts[],
  file: SegmentFile,
): boolean {
  const localPath = segments.localPath(file);
  if (localPath === undefined) return false;
  return wanted.every(
    ({ column }) => column !== undefined && segmentFilters.has(file, localPath, column),
  );
}

/** By DuckDB, as those of the values in the files are. */
async function hashesOf(
  duck: DuckRunner,
  texts: readonly string[],
  timeoutMs: number,
): Promise<ReadonlyMap<string, number>> {
  if (texts.length === 0) return new Map();
  const hashes = texts.map((_, i) => `(hash($${i + 1}::VARCHAR) % ${FILTER_BITS_MAX})::INTEGER`);
  const { rows } = await duck.run({
    author: 'server',
    sql: `SELECT ${hashes.join(', ')}`,
    parameters: texts,
    views: [],
    paths: [],
    rowsMax: 1,
    timeoutMs,
  });
  return new Map(texts.map((text, i) => [text, Number(rows[0]?.[i])]));
}
