/**
 * Rows of a slice, out of segments: DuckDB finds and sorts them, and gives texts as codes into a dictionary, so that no string
 * is made of a row. While one slice is folded the next is being sorted.
 */
import type { DuckDBConnection, DuckDBMaterializedResult } from '@duckdb/node-api';
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { type Source, tableOf } from '../cold/sources.ts';
import { DICTIONARY_PAGE, SLICE_ROWS_MAX } from './limits.ts';
import { type Dictionary, FIRST_FIELD, type FieldPlaces, RowBatch } from './row-batch.ts';
import { type SliceField, sliceFields, timeSql } from './slice-columns.ts';
import type { Slice } from './slices.ts';

export interface SliceRows {
  readonly rows: number;
  /** One after the other by partition, in it by time. Each is overwritten by the next. */
  batches(): AsyncGenerator<RowBatch>;
}

const TIME = timeSql(FUTURE_TOLERANCE_MS);

export class SliceReader {
  readonly #duck: DuckDBConnection;
  readonly #schema: StreamSchema;
  readonly #fields: readonly SliceField[];

  constructor(duck: DuckDBConnection, schema: StreamSchema, rollups: readonly RollupDefinition[]) {
    this.#duck = duck;
    this.#schema = schema;
    this.#fields = sliceFields(rollups, schema);
  }

  /** One call at a time. Undefined: the slice has too many rows, and must be cut. */
  async load(slice: Slice, sources: readonly Source[]): Promise<SliceRows | undefined> {
    const duck = this.#duck;
    await duck.run(`CREATE OR REPLACE TEMP TABLE slice AS ${this.#selection(slice, sources)}`);
    const [counted] = (await duck.runAndReadAll('SELECT count(*)::DOUBLE FROM slice')).getRows();
    const rows = Number(counted?.[0]);
    if (rows > SLICE_ROWS_MAX && slice.toMs - slice.fromMs > 1) return undefined;
    const places: FieldPlaces[] = [];
    const columns: string[] = [];
    const joins: string[] = [];
    const place = (sql: string | undefined, column: string): number =>
      sql === undefined ? -1 : FIRST_FIELD - 1 + columns.push(column);
    for (const [i, { field, text, number, boolean }] of this.#fields.entries()) {
      const dictionary = text === undefined ? undefined : await this.#dictionary(i);
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
    const sorted = await duck.run(`SELECT ${list} FROM slice ${joins.join(' ')} ORDER BY p, t`);
    const batch = new RowBatch(this.#schema.tenant, this.#schema.stream, places);
    return { rows, batches: () => batches(sorted, batch) };
  }

  #selection({ fromMs, toMs }: Slice, sources: readonly Source[]): string {
    const columns = this.#fields.flatMap(({ text, number, boolean }, i) => [
      ...(text === undefined ? [] : [`${text} AS s${i}`]),
      ...(number === undefined ? [] : [`${number} AS n${i}`]),
      ...(boolean === undefined ? [] : [`${boolean} AS b${i}`]),
    ]);
    const list = [`_partition AS p`, `(${TIME})::DOUBLE AS t`, ...columns].join(', ');
    // The first condition follows from the others, and row groups are passed over by it.
    return `SELECT ${list} FROM (${tableOf(this.#schema, sources)})
      WHERE ts >= make_timestamp_ms(${fromMs}) AND ${TIME} >= ${fromMs} AND ${TIME} < ${toMs}`;
  }

  /** Of the texts of field `i`, as the table `d<i>` with code and text. */
  async #dictionary(i: number): Promise<Dictionary> {
    const duck = this.#duck;
    await duck.run(
      `CREATE OR REPLACE TEMP TABLE d${i} AS SELECT v, (row_number() OVER ())::UINTEGER AS k
        FROM (SELECT DISTINCT s${i} AS v FROM slice WHERE s${i} IS NOT NULL)`,
    );
    const pages = await duck.runAndReadAll(
      `SELECT string_agg(v, '' ORDER BY k) FROM d${i} GROUP BY (k - 1) // ${DICTIONARY_PAGE} ORDER BY min(k)`,
    );
    const texts = pages.getRows().map(([text]) => Buffer.from(String(text)));
    const lengths = await duck.runAndReadAll(`SELECT strlen(v)::UINTEGER FROM d${i} ORDER BY k`);
    const count = lengths.currentRowCount;
    const offsets = new Uint32Array(count + 1);
    let at = 0;
    for (const length of lengths.getColumns()[0] ?? []) {
      offsets[at + 1] = (offsets[at] as number) + Number(length);
      at++;
    }
    const entries = { count, offsets, bytes: Buffer.concat(texts) };
    const low = new Uint32Array(count);
    const high = new Uint32Array(count);
    hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
    return { entries, hashes: { low, high } };
  }
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
