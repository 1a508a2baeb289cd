/** Leaves out files that hold no event of a question for certain, as far as filters of their values are kept. */

import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { isRole, valueAs } from './event-filter.ts';
import { FILTER_BITS_MAX } from './limits.ts';
import type { DuckRunner, EventsQuestion, EventWhere, Value } from './questions.ts';
import type { ValueFilters } from './value-filters.ts';

/** An event that fits has one of these texts in the field. */
export interface WantedTexts {
  readonly field: string;
  readonly texts: readonly string[];
}

/** `where` is known not to be too large. */
export function wantedTexts(
  schema: StreamSchema,
  { id, where }: Pick<EventsQuestion, 'id' | 'where'>,
): WantedTexts[] {
  const ofId = id === undefined ? [] : [{ field: 'id', texts: [id] }];
  return where === undefined ? ofId : [...ofId, ...ofWhere(schema, where)];
}

/** What an `or` or a `not` says of a field need not hold for every event that fits. */
function ofWhere(schema: StreamSchema, where: EventWhere): WantedTexts[] {
  const { field, eq, in: some, and = [] } = where;
  const inner = and.flatMap((each) => ofWhere(schema, each));
  if (field === undefined) return inner;
  const lists = [eq === undefined ? undefined : [eq], some].filter((list) => list !== undefined);
  const texts = lists.filter((values) => isOnlyText(schema, field, values));
  return [...texts.map((values) => ({ field, texts: values.map(String) })), ...inner];
}

/** A number may be equal to what is in a column of numbers, of which filters say nothing. */
function isOnlyText({ columns }: StreamSchema, field: string, values: readonly Value[]): boolean {
  if (isRole(field)) return true;
  if (field === 'ts') return false;
  return columns
    .filter((column) => column.field === field && column.kind !== COLUMN_KIND.string)
    .every(({ kind }) => values.every((value) => valueAs(value, kind) === undefined));
}

/** Resolves with a judge of files: false where an event that fits cannot be. */
export async function fileSieve(
  duck: DuckRunner,
  filters: ValueFilters,
  wanted: readonly WantedTexts[],
  files: readonly SegmentFile[],
  timeoutMs: number,
): Promise<(file: SegmentFile) => boolean> {
  const usable = wanted.filter(({ field }) => files.some(({ path }) => filters.has(path, field)));
  const texts = usable.flatMap((each) => each.texts);
  if (usable.length === 0) return () => true;
  const hashes = await hashesOf(duck, texts, timeoutMs);
  const judges = usable.map((each) => ({
    field: each.field,
    hashes: each.texts.map((text) => hashes.get(text) as number),
  }));
  return ({ path }) => judges.every((each) => filters.mayHold(path, each.field, each.hashes));
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
