/**
 * Which fields of a stream get a column. Decided per cut of the log, by what the blocks of the cut hold and nothing
 * else, so that whoever repeats the cut decides the same.
 */
import type { Block, BlockColumn } from '../../src/model/block.ts';
import { BOOLEAN, COLUMN_KIND, type ColumnKind, ROLE } from '../../src/model/columns.ts';
import type { SchemaColumn, StreamSchema } from '../../src/model/stream-schema.ts';
import { FOLDER_COLUMNS, LEADING_COLUMNS, TRAILING_COLUMNS } from './segment-columns.ts';

/**
 * A field becomes a column when one row in this many has it. More columns make every file's footer and every null
 * longer, fewer make more queries look into maps.
 */
const ROWS_PER_VALUE_MAX = 100;
/** Columns that a stream may come to; each costs memory for as long as a file is staged. */
export const SCHEMA_COLUMNS_MAX = 200;
/** Longest name of a column, before a number may follow. Hive's metastore has room for several times that. */
export const COLUMN_NAME_LENGTH_MAX = 128;
/** Fields without a column that are counted in one cut; of those beyond nothing is known until the next one. */
export const OBSERVED_FIELDS_MAX = 10_000;

const KINDS: readonly ColumnKind[] = [COLUMN_KIND.string, COLUMN_KIND.number, COLUMN_KIND.boolean];
const SUFFIX: Readonly<Record<ColumnKind, string>> = {
  [COLUMN_KIND.string]: '_string',
  [COLUMN_KIND.number]: '_number',
  [COLUMN_KIND.boolean]: '_boolean',
};
const TAKEN_NAMES: readonly string[] = [
  ...[...LEADING_COLUMNS, ...TRAILING_COLUMNS].map(({ name }) => name),
  ...FOLDER_COLUMNS,
];

/** In how many rows a field had a value of that kind. */
export interface FieldPresence {
  readonly field: string;
  readonly kind: ColumnKind;
  readonly rows: number;
}

/** What a cut holds of one stream. */
export interface Observed {
  readonly tenant: string;
  readonly stream: string;
  readonly rows: number;
  /** Of fields that have no column; others may be missing. Each (field, kind) once, in any order. */
  readonly fields: readonly FieldPresence[];
}

/**
 * Counts the blocks of one stream. Fields that have a column are passed over, so that it costs next to nothing once
 * the schema has settled. Rows count as they arrived, duplicates included.
 */
export class Observation implements Observed {
  readonly tenant: string;
  readonly stream: string;
  rows = 0;
  readonly #known: ReadonlySet<string>;
  readonly #counts = new Map<string, { field: string; kind: ColumnKind; rows: number }>();

  constructor(of: Pick<Observed, 'tenant' | 'stream'>, schema: StreamSchema | undefined) {
    this.tenant = of.tenant;
    this.stream = of.stream;
    this.#known = new Set(schema?.columns.map(({ field, kind }) => keyOf(field, kind)));
  }

  add(block: Block): void {
    this.rows += block.rows;
    for (const column of block.columns) {
      if (column.role !== ROLE.field) continue;
      const key = keyOf(column.name, column.kind);
      if (this.#known.has(key)) continue;
      const count = this.#counts.get(key);
      if (count !== undefined) {
        count.rows += presentRows(block, column);
      } else if (this.#counts.size < OBSERVED_FIELDS_MAX) {
        const { name, kind } = column;
        this.#counts.set(key, { field: name, kind, rows: presentRows(block, column) });
      }
    }
  }

  get fields(): readonly FieldPresence[] {
    return [...this.#counts.values()];
  }
}

/** Answers `schema` itself if nothing is to be added. */
export function evolveSchema(schema: StreamSchema | undefined, observed: Observed): StreamSchema {
  const columns: SchemaColumn[] = [...(schema?.columns ?? [])];
  const known = new Set(columns.map(({ field, kind }) => keyOf(field, kind)));
  const taken = new Set([...TAKEN_NAMES, ...columns.map(({ name }) => name)]);
  const fields = new Set(columns.map(({ field }) => field));
  const wanted = observed.fields
    .filter(({ field, kind }) => !known.has(keyOf(field, kind)))
    .filter(({ rows }) => rows > 0 && rows * ROWS_PER_VALUE_MAX >= observed.rows)
    .sort(byRowsThenName)
    .slice(0, Math.max(0, SCHEMA_COLUMNS_MAX - columns.length));
  for (const { field, kind } of wanted) {
    const wish = wishedName(field) + (fields.has(field) ? SUFFIX[kind] : '');
    const name = freeName(wish, taken);
    columns.push({ name, field, kind });
    taken.add(name);
    fields.add(field);
  }
  if (schema !== undefined && wanted.length === 0) return schema;
  const { tenant, stream } = observed;
  return { tenant, stream, version: (schema?.version ?? 0) + 1, columns };
}

/** The fullest first; what is equally full in an order that does not depend on the log. */
function byRowsThenName(a: FieldPresence, b: FieldPresence): number {
  if (a.rows !== b.rows) return b.rows - a.rows;
  if (a.field !== b.field) return a.field < b.field ? -1 : 1;
  return KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind);
}

/** Every engine takes it without quotes (save for its reserved words), whatever it makes of upper and lower case. */
function wishedName(field: string): string {
  const name = field
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]/gu, '_')
    .slice(0, COLUMN_NAME_LENGTH_MAX);
  return name === '' || /^[0-9]/.test(name) ? `_${name}` : name;
}

function freeName(wish: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wish)) return wish;
  let number = 2;
  while (taken.has(`${wish}_${number}`)) number++;
  return `${wish}_${number}`;
}

/** Kinds are one digit, hence no two fields share a key. */
const keyOf = (field: string, kind: ColumnKind): string => `${kind}${field}`;

let codes = new Uint32Array(1 << 12);
let numbers = new Float64Array(1 << 12);

function presentRows(block: Block, column: BlockColumn): number {
  if (block.rows > codes.length) {
    codes = new Uint32Array(block.rows * 2);
    numbers = new Float64Array(block.rows * 2);
  }
  let present = 0;
  switch (column.kind) {
    case COLUMN_KIND.string:
      block.readCodes(column, codes);
      for (let i = 0; i < block.rows; i++) if (codes[i] !== 0) present++;
      break;
    case COLUMN_KIND.number:
      block.readNumbers(column, numbers);
      for (let i = 0; i < block.rows; i++) if (!Number.isNaN(numbers[i])) present++;
      break;
    case COLUMN_KIND.boolean: {
      const values = block.booleans(column);
      for (let i = 0; i < block.rows; i++) if (values[i] !== BOOLEAN.absent) present++;
      break;
    }
  }
  return present;
}
