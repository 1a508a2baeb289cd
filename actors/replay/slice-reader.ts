/**
 * Rows of a slice, out of segments: DuckDB finds and sorts them, and gives texts as codes into a dictionary, so that no string
 * is made of a row. While one slice is folded the next is being sorted.
 */
import type { DuckDBConnection, DuckDBMaterializedResult } from '@duckdb/node-api';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { literal } from '../../storage/segments/segment-columns.ts';
import { type Source, tableOf } from '../cold/sources.ts';
import { DICTIONARY_ENTRIES_MAX, DICTIONARY_PAGE, SLICE_ROWS_MAX } from './limits.ts';
import { type Dictionary, FIRST_FIELD, type FieldPlaces, RowBatch } from './row-batch.ts';
import { type FieldUse, fieldsOf, type SliceField, sliceField, timeSql } from './slice-columns.ts';
import type { Slice } from './slices.ts';

export interface SliceRows {
  /** One after the other by partition, in it by time. Each is overwritten by the next. */
  batches(): AsyncGenerator<RowBatch>;
}

/** What slices of the same files share. Field `i` has its texts in the table `d<i>`, with code and text. */
interface FileSet {
  /** A query for all of their rows. */
  readonly table: string;
  readonly fields: readonly SliceField[];
  /** By field; undefined: it has none, or too many texts for all files at once. */
  readonly dictionaries: readonly (Dictionary | undefined)[];
}

const TIME = timeSql(FUTURE_TOLERANCE_MS);

export class SliceReader {
  readonly #duck: DuckDBConnection;
  readonly #schema: StreamSchema;
  readonly #uses: readonly FieldUse[];
  #files: FileSet = { table: '', fields: [], dictionaries: [] };

  constructor(duck: DuckDBConnection, schema: StreamSchema, rollups: readonly RollupDefinition[]) {
    this.#duck = duck;
    this.#schema = schema;
    this.#uses = fieldsOf(rollups);
  }

  /** One call at a time. Undefined: the slice has too many rows, and must be cut. */
  async load(slice: Slice, sources: readonly Source[]): Promise<SliceRows | undefined> {
    const table = tableOf(this.#schema, sources);
    if (table !== this.#files.table) this.#files = await this.#look(table);
    const { fields, dictionaries } = this.#files;
    const isWhole = slice.toMs - slice.fromMs <= 1;
    const limit = isWhole ? '' : ` LIMIT ${SLICE_ROWS_MAX + 1}`;
    const selection = `${selectionOf(fields, table, slice)}${limit}`;
    const places: FieldPlaces[] = [];
    const columns: string[] = [];
    const joins: string[] = [];
    const place = (sql: string | undefined, column: string): number =>
      sql === undefined ? -1 : FIRST_FIELD - 1 + columns.push(column);
    for (const [i, { field, text, number, boolean }] of fields.entries()) {
      const ofSlice = `SELECT s${i} FROM (${selectionOf(fields, table, slice)})`;
      const dictionary =
        text === undefined
          ? undefined
          : (dictionaries[i] ?? (await this.#dictionary(i, ofSlice, SLICE_ROWS_MAX)));
      if (text !== undefined && dictionary === undefined) return undefined;
      if (dictionary !== undefined) joins.push(`LEFT JOIN d${i} ON d${i}.v = slice.s${i}`);
      places.push({
        field,
        dictionary,
        text: place(text, `coalesce(d${i}.k, 0)::UINTEGER`),
        number: place(number, `coalesce(n${i}, 'nan'::DOUBLE)`),
        boolean: place(
          boolean,
          `(CASE b${i} WHEN true THEN 2 WHEN false THEN 1 ELSE 0 END)::UTINYINT`,
        ),
      });
    }
    const list = ['p', 't', ...columns].join(', ');
    const sorted = await this.#duck.run(
      `SELECT ${list} FROM (${selection}) slice ${joins.join(' ')} ORDER BY p, t`,
    );
    if (!isWhole && sorted.rowCount > SLICE_ROWS_MAX) return undefined;
    const batch = new RowBatch(this.#schema.tenant, this.#schema.stream, places);
    return { batches: () => batches(sorted, batch) };
  }

  /** Texts are those of all rows: to leave out those of other slices would take longer, and the next slice has them. */
  async #look(table: string): Promise<FileSet> {
    const names = this.#uses.map(({ field }) => literal(field));
    const found = await this.#duck.runAndReadAll(
      `SELECT DISTINCT field FROM (SELECT unnest(map_keys(more)) AS field FROM (${table}) WHERE more IS NOT NULL)
        WHERE field IN (${[...names, 'NULL'].join(', ')})`,
    );
    const inRest = new Set(found.getRows().map(([field]) => field));
    const fields = this.#uses.map((use) => sliceField(this.#schema, use, inRest.has(use.field)));
    const dictionaries: (Dictionary | undefined)[] = [];
    for (const [i, { text }] of fields.entries()) {
      const ofAll = `SELECT ${text} FROM (${table})`;
      const dictionary = text && (await this.#dictionary(i, ofAll, DICTIONARY_ENTRIES_MAX));
      dictionaries.push(dictionary || undefined);
    }
    return { table, fields, dictionaries };
  }

  /** Of the texts that a query answers, as the table `d<i>`; undefined if there are more than `countMax`. */
  async #dictionary(i: number, texts: string, countMax: number): Promise<Dictionary | undefined> {
    const duck = this.#duck;
    await duck.run(
      `CREATE OR REPLACE TEMP TABLE d${i} AS SELECT v, (row_number() OVER ())::UINTEGER AS k
        FROM (SELECT DISTINCT v FROM (${texts}) texts(v) WHERE v IS NOT NULL LIMIT ${countMax + 1})`,
    );
    const lengths = await duck.runAndReadAll(`SELECT strlen(v)::UINTEGER FROM d${i} ORDER BY k`);
    const count = lengths.currentRowCount;
    if (count > countMax) return undefined;
    const pages = await duck.runAndReadAll(
      `SELECT string_agg(v, '' ORDER BY k) FROM d${i} GROUP BY (k - 1) // ${DICTIONARY_PAGE} ORDER BY min(k)`,
    );
    const bytes = pages.getRows().map(([text]) => Buffer.from(String(text)));
    const offsets = new Uint32Array(count + 1);
    let at = 0;
    for (const length of lengths.getColumns()[0] ?? []) {
      offsets[at + 1] = (offsets[at] as number) + Number(length);
      at++;
    }
    const entries = { count, offsets, bytes: Buffer.concat(bytes) };
    const low = new Uint32Array(count);
    const high = new Uint32Array(count);
    hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
    return { entries, hashes: { low, high } };
  }
}

function selectionOf(
  fields: readonly SliceField[],
  table: string,
  { fromMs, toMs }: Slice,
): string {
  const columns = fields.flatMap(({ text, number, boolean }, i) => [
    ...(text === undefined ? [] : [`${text} AS s${i}`]),
    ...(number === undefined ? [] : [`${number} AS n${i}`]),
    ...(boolean === undefined ? [] : [`${boolean} AS b${i}`]),
  ]);
  const list = [`_partition AS p`, `(${TIME})::DOUBLE AS t`, ...columns].join(', ');
  // The first condition follows from the others, and row groups are passed over by it.
  return `SELECT ${list} FROM (${table})
    WHERE ts >= make_timestamp_ms(${fromMs}) AND ${TIME} >= ${fromMs} AND ${TIME} < ${toMs}`;
}

async function* batches(
  sorted: DuckDBMaterializedResult,
  batch: RowBatch,
): AsyncGenerator<RowBatch> {
  for (;;) {
    const chunk = await sorted.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    for (let row = 0; row < chunk.rowCount; ) {
      const to = batch.take(chunk, row);
      if (to < chunk.rowCount || batch.isFull) {
        yield batch;
        batch.clear();
      }
      row = to;
    }
  }
  if (batch.rows > 0) yield batch;
}
