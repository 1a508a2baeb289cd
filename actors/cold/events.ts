/**
 * A page of events, newest first. Files are looked through from the newest on, more of them with each look, until no
 * older one can change the page: what is wanted is mostly new.
 */
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { EPOCH_MS_MAX } from '../../src/model/units.ts';
import { identifier } from '../../storage/segments/segment-columns.ts';
import { EventFilter } from './event-filter.ts';
import {
  type Candidate,
  firstLook,
  type Search,
  searchOf,
  wishFilters,
  withJoins,
} from './event-search.ts';
import { FILES_AT_ONCE, FILES_GROWTH } from './limits.ts';
import type { EventTools, FindTools } from './question-tools.ts';
import type { EventKey, EventsAnswer, EventsQuestion, StoredEvent, Value } from './questions.ts';
import { leaseSingle } from './segment-parts.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { type Source, segmentSource, tableOf } from './sources.ts';

export async function findEvents(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: EventsQuestion,
): Promise<EventsAnswer> {
  checkConditions(snapshot, question);
  const search = await searchOf(tools, snapshot, question);
  const joined = withJoins(tools, snapshot, search);
  try {
    return await pageOf(tools, snapshot, question, joined);
  } finally {
    joined.release();
  }
}

async function pageOf(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: EventsQuestion,
  search: Search,
): Promise<EventsAnswer> {
  const { first } = question;
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
  checkConditions(snapshot, question);
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

/** Throws `query_invalid` whether or not a file is left to be asked. */
function checkConditions({ schema }: StreamSnapshot, question: Omit<EventsQuestion, 'first'>) {
  conditionsOf(question, new EventFilter(schema), true);
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
  const single = candidates.flatMap((each) => (each.type === 'segment' ? [each.file] : []));
  const joined = candidates.flatMap((each) => (each.type === 'join' ? [each.part] : []));
  const staged = candidates.flatMap((each) => (each.type === 'chunk' ? [each.source] : []));
  const lease = await leaseSingle(segments, single);
  try {
    const parts = [...lease.parts, ...joined];
    const sources = [...staged, ...parts.map((part) => segmentSource(part, schema))];
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
