/**
 * Conditions on events, judged on the columns of a block. They mean what `EventFilter` says in SQL, of fields that have columns:
 * here every field has, whereas the archive keeps a rare one as text.
 */
import type { Block, BlockColumn } from '../../src/model/block.ts';
import { COLUMN_KIND, ROLE } from '../../src/model/columns.ts';
import type { KeptRows } from '../../storage/segments/kept-rows.ts';
import { EventFilter, valueAs } from '../cold/event-filter.ts';
import type { EventWhere, Value } from '../cold/questions.ts';

/** The rows of a block that count. */
export interface BlockRows {
  readonly block: Block;
  readonly kept: KeptRows;
}

/** A byte per row, 1 where it holds. The caller's, until the next call. */
export type Mask = Uint8Array;
export type Predicate = (rows: BlockRows) => Mask;

/** What of a value is judged, by its kind; a kind that is left out never holds. */
interface Judge {
  readonly text?: (bytes: Buffer) => boolean;
  readonly number?: (value: number) => boolean;
  readonly boolean?: (value: boolean) => boolean;
}

/** Throws `query_invalid` as `EventFilter` does. */
export function predicateOf(
  where: EventWhere | undefined,
  contains: string | undefined,
): Predicate {
  const parts: Predicate[] = [];
  if (where !== undefined) {
    new EventFilter({ tenant: '', stream: '', version: 1, columns: [] }).where(where, true);
    parts.push(compiled(where));
  }
  if (contains !== undefined) parts.push(anyText(Buffer.from(contains)));
  return all(parts);
}

function compiled(where: EventWhere): Predicate {
  const { field, and, or, not } = where;
  const parts = field === undefined ? [] : judgesOf(where).map((judge) => ofField(field, judge));
  if (field !== undefined && where.ne !== undefined) {
    parts.push(negated(ofField(field, isOneOf([where.ne]))));
  }
  if (field !== undefined && where.exists !== undefined) {
    const isThere = ofField(field, PRESENT);
    parts.push(where.exists ? isThere : negated(isThere));
  }
  if (and !== undefined) parts.push(...and.map(compiled));
  if (or !== undefined) parts.push(any(or.map(compiled)));
  if (not !== undefined) parts.push(negated(compiled(not)));
  return all(parts);
}

const PRESENT: Judge = { text: () => true, number: () => true, boolean: () => true };

/** All but those that hold where the field is absent. */
function judgesOf({ eq, in: values, gt, gte, lt, lte, contains, prefix }: EventWhere): Judge[] {
  const judges: Judge[] = [];
  if (eq !== undefined) judges.push(isOneOf([eq]));
  if (values !== undefined) judges.push(isOneOf(values));
  if (gt !== undefined) judges.push(compared(gt, (order) => order > 0));
  if (gte !== undefined) judges.push(compared(gte, (order) => order >= 0));
  if (lt !== undefined) judges.push(compared(lt, (order) => order < 0));
  if (lte !== undefined) judges.push(compared(lte, (order) => order <= 0));
  if (contains !== undefined) {
    const wanted = Buffer.from(contains);
    judges.push({ text: (bytes) => bytes.includes(wanted) });
  }
  if (prefix !== undefined) {
    const wanted = Buffer.from(prefix);
    judges.push({ text: (bytes) => bytes.subarray(0, wanted.length).equals(wanted) });
  }
  return judges;
}

function isOneOf(values: readonly Value[]): Judge {
  const as = (kind: Parameters<typeof valueAs>[1]) =>
    new Set(values.map((value) => valueAs(value, kind)).filter((value) => value !== undefined));
  const texts = new Set([...as(COLUMN_KIND.string)].map((text) => latin1(Buffer.from(`${text}`))));
  const numbers = as(COLUMN_KIND.number);
  const booleans = as(COLUMN_KIND.boolean);
  return {
    text: (bytes) => texts.has(latin1(bytes)),
    number: (value) => numbers.has(value),
    boolean: (value) => booleans.has(value),
  };
}

/** Bytes as a key, without looking at what they spell. */
const latin1 = (bytes: Buffer): string => bytes.toString('latin1');

/** Texts are ordered by their bytes, as in DuckDB. */
function compared(limit: Value, holds: (order: number) => boolean): Judge {
  if (typeof limit === 'number') return { number: (value) => holds(value - limit) };
  const bytes = Buffer.from(String(limit));
  return { text: (value) => holds(Buffer.compare(value, bytes)) };
}

function ofField(field: string, judge: Judge): Predicate {
  return (rows) => {
    const mask = new Uint8Array(rows.kept.count);
    if (field === 'ts') {
      const column = rows.block.byRole(ROLE.ts);
      const { kept, block } = rows;
      const values = column === undefined ? kept.constant(block.arrivalMs) : kept.numbers(column);
      return markNumbers(mask, values, judge);
    }
    for (const column of columnsOf(rows.block, field)) markColumn(mask, rows, column, judge);
    return mask;
  };
}

function columnsOf(block: Block, field: string): BlockColumn[] {
  const role = field === 'id' ? ROLE.id : field === 'type' ? ROLE.type : ROLE.field;
  return block.columns.filter(
    (column) => column.role === role && (role !== ROLE.field || column.name === field),
  );
}

function anyText(wanted: Buffer): Predicate {
  const judge: Judge = { text: (bytes) => bytes.includes(wanted) };
  return (rows) => {
    const mask = new Uint8Array(rows.kept.count);
    for (const column of rows.block.columns) {
      if (column.kind === COLUMN_KIND.string) markColumn(mask, rows, column, judge);
    }
    return mask;
  };
}

function markColumn(mask: Mask, { block, kept }: BlockRows, column: BlockColumn, judge: Judge) {
  switch (column.kind) {
    case COLUMN_KIND.string: {
      if (judge.text === undefined) return;
      const holds = entriesThatHold(block, column, judge.text);
      const codes = kept.codes(column);
      for (let i = 0; i < mask.length; i++) if (holds[codes[i]!] === 1) mask[i] = 1;
      return;
    }
    case COLUMN_KIND.number:
      markNumbers(mask, kept.numbers(column), judge);
      return;
    case COLUMN_KIND.boolean: {
      if (judge.boolean === undefined) return;
      const values = kept.booleans(column);
      const holds = [0, Number(judge.boolean(false)), Number(judge.boolean(true))];
      for (let i = 0; i < mask.length; i++) if (holds[values[i]!] === 1) mask[i] = 1;
    }
  }
}

/** By code; 0, the absent one, never holds. A text that many rows have is judged once. */
function entriesThatHold(
  block: Block,
  column: BlockColumn,
  judge: (bytes: Buffer) => boolean,
): Uint8Array {
  const { count, offsets, bytes } = block.entries(column);
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const holds = new Uint8Array(count + 1);
  for (let i = 0; i < count; i++) {
    if (judge(whole.subarray(offsets[i], offsets[i + 1]))) holds[i + 1] = 1;
  }
  return holds;
}

function markNumbers(mask: Mask, values: Float64Array, { number }: Judge): Mask {
  if (number === undefined) return mask;
  for (let i = 0; i < mask.length; i++) {
    const value = values[i]!;
    if (!Number.isNaN(value) && number(value)) mask[i] = 1;
  }
  return mask;
}

function all(parts: readonly Predicate[]): Predicate {
  return (rows) => {
    const mask = new Uint8Array(rows.kept.count).fill(1);
    for (const part of parts) {
      const other = part(rows);
      for (let i = 0; i < mask.length; i++) mask[i]! &= other[i]!;
    }
    return mask;
  };
}

function any(parts: readonly Predicate[]): Predicate {
  return (rows) => {
    const mask = new Uint8Array(rows.kept.count);
    for (const part of parts) {
      const other = part(rows);
      for (let i = 0; i < mask.length; i++) mask[i]! |= other[i]!;
    }
    return mask;
  };
}

const negated =
  (part: Predicate): Predicate =>
  (rows) => {
    const mask = part(rows);
    for (let i = 0; i < mask.length; i++) mask[i]! ^= 1;
    return mask;
  };
