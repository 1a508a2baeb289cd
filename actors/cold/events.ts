/**
 * A page of events, newest first. Files are looked through from the newest on, more of them with each look, until no
 * older one can change the page: what is wanted is mostly new.
 */
import { ok as assert } from 'node:assert';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { EPOCH_MS_MAX } from '../../src/model/units.ts';
import { identifier } from '../../storage/segments/segment-columns.ts';
import { EventFilter } from './event-filter.ts';
import {
  filesOf,
  isFiltered,
  type SieveTools,
  type WantedTexts,
  wantedTexts,
} from './file-sieve.ts';
import {
  FILES_AT_ONCE,
  FILES_FIRST,
  FILES_FIRST_SIEVED,
  FILES_GROWTH,
  UNFILTERED_FILES_MAX,
} from './limits.ts';
import type {
  DuckRunner,
  EventKey,
  EventsAnswer,
  EventsQuestion,
  StoredEvent,
  Value,
} from './questions.ts';
import type { SegmentFiles } from './segment-files.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, type Source, segmentSource, tableOf } from './sources.ts';

export interface EventTools {
  readonly duck: DuckRunner;
  readonly segments: SegmentFiles;
  /** What is left for the question. */
  readonly timeLeftMs: () => number;
}

export interface FindTools extends EventTools, Pick<SieveTools, 'filters' | 'segmentFilters'> {}

type Where =
  | { readonly type: 'chunk'; readonly source: Source }
  | { readonly type: 'segment'; readonly file: StreamSnapshot['files'][number] };
type Candidate = Where & { readonly tsMinMs: number; readonly tsMaxMs: number };

export async function findEvents(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: EventsQuestion,
): Promise<EventsAnswer> {
  const { first } = question;
  const search = await searchOf(tools, snapshot, question);
  const { candidates } = search;
  let found: StoredEvent[] = [];
  for (let from = 0, count = firstLook(search); from < candidates.length; count *= FILES_GROWTH) {
    const to = from + Math.min(count, FILES_AT_ONCE);
    const look = await lookInto(tools, snapshot.schema, candidates.slice(from, to), question);
    wishFilters(tools, snapshot, search, to);
    found = [...found, ...look.events].sort(newestFirst);
    const last = look.events.at(-1);
    if (look.isCut && last !== undefined) {
      // The answer is as long as it may be: what lies behind its end is for the next page.
      const events = found.filter((event) => newestFirst(event, last) <= 0).slice(0, first);
      return { events, hasMore: true };
    }
    found.length = Math.min(found.length, first + 1);
    const oldest = found[first];
    const next = candidates[to];
    if (oldest !== undefined && next !== undefined && next.tsMaxMs < oldest.tsMs) break;
    from = to;
  }
  return { events: found.slice(0, first), hasMore: found.length > first };
}

/** The event with that id; of several (their ids were sent again after a long time) the newest. */
export async function findEvent(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: Omit<EventsQuestion, 'first'>,
): Promise<StoredEvent | undefined> {
  const search = await searchOf(tools, snapshot, question);
  const { candidates } = search;
  for (let from = 0, count = firstLook(search); from < candidates.length; count *= FILES_GROWTH) {
    const to = from + Math.min(count, FILES_AT_ONCE);
    const some = candidates.slice(from, to);
    const { events } = await lookInto(tools, snapshot.schema, some, { ...question, first: 0 });
    wishFilters(tools, snapshot, search, to);
    if (events[0] !== undefined) return events[0];
    from = to;
  }
  return undefined;
}

interface Search {
  readonly wanted: readonly WantedTexts[];
  /** All files of its time, those with the newest events first. */
  readonly inTime: readonly Candidate[];
  /** Those of them that filters have not left out. */
  readonly candidates: readonly Candidate[];
}

const firstLook = ({ inTime, candidates }: Search): number =>
  candidates.length * 2 <= inTime.length ? FILES_FIRST_SIEVED : FILES_FIRST;

/** Rejects with `query_invalid` whether or not a file is left to be asked. */
async function searchOf(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: Omit<EventsQuestion, 'first'>,
): Promise<Search> {
  conditionsOf(question, new EventFilter(snapshot.schema), true);
  const wanted = wantedTexts(snapshot.schema, question);
  const inTime = candidatesOf(snapshot, question);
  const files = await filesOf(tools, wanted, segmentsOf(inTime), tools.timeLeftMs());
  const candidates = inTime.filter((each) => each.type === 'chunk' || files.has(each.file));
  return { wanted, inTime, candidates };
}

/**
 * Looking for a value that is in many files ends in the first ones; what has gone on is rare, and worth filters. They are wished
 * for all files that were passed, known ones too: what has room is told from the newest on.
 */
function wishFilters(
  tools: FindTools,
  { schema }: StreamSnapshot,
  { wanted, inTime, candidates }: Search,
  looked: number,
): void {
  if (wanted.length === 0) return;
  const some = candidates.slice(0, looked);
  const last = some.at(-1);
  if (last === undefined || segmentsOf(some).length <= UNFILTERED_FILES_MAX) return;
  const passed = segmentsOf(inTime.slice(0, inTime.indexOf(last) + 1));
  const files = passed.filter((file) => !isFiltered(tools, wanted, file));
  if (files.length === 0) return;
  tools.filters.wish = { schema, files, fields: [...new Set(wanted.map(({ field }) => field))] };
}

const segmentsOf = (candidates: readonly Candidate[]): StreamSnapshot['files'] =>
  candidates.flatMap((each) => (each.type === 'segment' ? [each.file] : []));

/** Files that may hold events of the page, those with the newest first. */
function candidatesOf(
  snapshot: StreamSnapshot,
  { fromMs, toMs, after }: Omit<EventsQuestion, 'first'>,
): Candidate[] {
  const newestMs = Math.min(toMs - 1, after?.tsMs ?? Number.POSITIVE_INFINITY);
  const chunks = chunkSources(snapshot).map((source) => ({
    type: 'chunk' as const,
    source,
    tsMinMs: source.tsMinMs,
    tsMaxMs: source.tsMaxMs,
  }));
  const segments = snapshot.files.map((file) => ({
    type: 'segment' as const,
    file,
    tsMinMs: file.tsMinMs,
    tsMaxMs: file.tsMaxMs,
  }));
  return [...chunks, ...segments]
    .filter(({ tsMinMs, tsMaxMs }) => tsMinMs <= newestMs && tsMaxMs >= fromMs)
    .sort((a, b) => b.tsMaxMs - a.tsMaxMs);
}

interface Look {
  readonly events: readonly StoredEvent[];
  readonly isCut: boolean;
}

async function lookInto(
  { duck, segments, timeLeftMs }: EventTools,
  schema: StreamSchema,
  candidates: readonly Candidate[],
  question: EventsQuestion,
): Promise<Look> {
  const lease = await segments.lease(segmentsOf(candidates));
  try {
    const sources = candidates.map((each): Source => {
      if (each.type === 'chunk') return each.source;
      const localPath = lease.paths.get(each.file.path);
      assert(localPath !== undefined, 'every file of a lease has a path');
      return segmentSource(each.file, schema, localPath);
    });
    const { sql, parameters } = statementOf(schema, sources, question);
    const { rows, isTruncated } = await duck.run({
      author: 'server',
      sql,
      parameters,
      views: [],
      paths: sources.map(({ path }) => path),
      rowsMax: question.first + 1,
      timeoutMs: timeLeftMs(),
    });
    return { events: rows.map((row) => eventOf(row, schema)), isCut: isTruncated };
  } finally {
    lease.release();
  }
}

function statementOf(
  schema: StreamSchema,
  sources: readonly Source[],
  question: EventsQuestion,
): { readonly sql: string; readonly parameters: readonly Value[] } {
  const filter = new EventFilter(schema);
  const parts = [true, false].flatMap((isCurrent) => {
    const some = sources.filter((source) => source.isCurrent === isCurrent);
    if (some.length === 0) return [];
    const conditions = conditionsOf(question, filter, isCurrent).map((part) => `(${part})`);
    return [`SELECT * FROM (${tableOf(schema, some)}) WHERE ${conditions.join(' AND ')}`];
  });
  const fields = schema.columns.map(({ name }) => identifier(name));
  const sql = `SELECT ${[...FIXED_COLUMNS, 'more', ...fields].join(', ')}
    FROM (${parts.join(' UNION ALL ')})
    ORDER BY ts DESC, _partition DESC, _position DESC, _row DESC LIMIT ${question.first + 1}`;
  return { sql, parameters: filter.parameters };
}

/** What an event must fulfil, all of it. */
export function conditionsOf(
  { fromMs, toMs, id, where, contains, after }: Omit<EventsQuestion, 'first'>,
  filter: EventFilter,
  isCurrent: boolean,
): string[] {
  const conditions = [`ts >= ${timestamp(fromMs)}`];
  if (toMs <= EPOCH_MS_MAX) conditions.push(`ts < ${timestamp(toMs)}`);
  if (after !== undefined) conditions.push(...behind(after));
  if (id !== undefined) conditions.push(`id = ${filter.value(id)}`);
  if (where !== undefined) conditions.push(filter.where(where, isCurrent));
  if (contains !== undefined) conditions.push(filter.contains(contains));
  return conditions;
}

const FIXED_COLUMNS = [
  'epoch_ms(ts)',
  '_partition',
  '_position',
  '_row',
  'id',
  'type',
  'epoch_ms(_arrival)',
];

/** In the order as `FIXED_COLUMNS` have it. */
function eventOf(row: readonly unknown[], { columns }: StreamSchema): StoredEvent {
  const [tsMs, partition, position, place, id, type, arrivalMs, more, ...values] = row;
  const fields: Record<string, Value> = {};
  // A field is no place in a prototype, whatever it is called.
  Object.setPrototypeOf(fields, null);
  if (typeof more === 'object' && more !== null) Object.assign(fields, more);
  for (const [i, { field }] of columns.entries()) {
    const value = values[i];
    if (isValue(value)) fields[field] = value;
  }
  return {
    tsMs: Number(tsMs),
    partition: Number(partition),
    position: Number(position),
    row: Number(place),
    id: textOf(id),
    type: textOf(type),
    arrivalMs: Number(arrivalMs),
    fields,
  };
}

const isValue = (value: unknown): value is Value =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** The first condition follows from the second, and can be judged by a file's statistics. */
const behind = ({ tsMs, partition, position, row }: EventKey): string[] => [
  `ts <= ${timestamp(tsMs)}`,
  `ts < ${timestamp(tsMs)} OR (_partition, _position, _row) < (${partition}, ${position}, ${row})`,
];

const timestamp = (ms: number): string =>
  `TIMESTAMP '${new Date(ms).toISOString().replace('Z', '').replace('T', ' ')}'`;

function newestFirst(a: EventKey, b: EventKey): number {
  return b.tsMs - a.tsMs || b.partition - a.partition || b.position - a.position || b.row - a.row;
}
