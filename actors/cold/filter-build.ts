/** Makes the filters that were wished for, some files with each statement: whoever asks meanwhile waits for one at most. */
import { ok as assert } from 'node:assert';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import {
  identifier,
  listOf,
  literal,
  segmentProjection,
} from '../../storage/segments/segment-columns.ts';
import { isRole } from './event-filter.ts';
import { FILTER_BATCH_BYTES, FILTER_BATCH_FILES, FILTER_TIMEOUT_MS } from './limits.ts';
import type { DuckRunner, Value } from './questions.ts';
import type { SegmentFiles } from './segment-files.ts';
import { type FilterWish, filterBits, filterBytes, type ValueFilters } from './value-filters.ts';

interface FilterTools {
  readonly duck: DuckRunner;
  readonly segments: SegmentFiles;
  readonly filters: ValueFilters;
}

/** Files of one schema, whose filters of one field are of one length. */
interface Batch {
  readonly field: string;
  readonly bits: number;
  readonly files: readonly SegmentFile[];
}

/** As no column of a schema is called. */
const FILE = 'file path';

/** Resolves with whether some were made; then there may be more. Where it rejects, the wish is given up. */
export async function buildFilters({ duck, segments, filters }: FilterTools): Promise<boolean> {
  const { wish } = filters;
  const batch = wish && nextBatch(filters, wish);
  filters.wish = undefined;
  if (wish === undefined || batch === undefined) return false;
  const { field, bits, files } = batch;
  const lease = await segments.lease(files);
  try {
    const paths = files.map(({ path }) => lease.paths.get(path) ?? path);
    const { rows, isTruncated } = await duck.run({
      author: 'server',
      ...statementOf(wish.schema, batch, paths),
      views: [],
      paths,
      rowsMax: files.length,
      timeoutMs: FILTER_TIMEOUT_MS,
    });
    assert(!isTruncated, 'the filters of a batch fit into an answer');
    const made = new Map(rows.map(([path, text]) => [path, Buffer.from(String(text), 'base64')]));
    for (const [i, { path }] of files.entries()) {
      const filter = made.get(paths[i]) ?? new Uint8Array();
      assert(
        filter.length === 0 || filter.length * 8 === bits,
        'a filter is as long as it is said',
      );
      // Of its own, and not a part of what Node hands out to short buffers.
      filters.keep(path, field, new Uint8Array(filter));
    }
  } finally {
    lease.release();
  }
  filters.wish ??= wish;
  return true;
}

/** Of what is wished only so much is made as has room: what is made first would be gone when the last is. */
function nextBatch(filters: ValueFilters, { fields, files }: FilterWish): Batch | undefined {
  const wished = files.flatMap((file) => {
    const bits = filterBits(file);
    return bits === undefined ? [] : fields.map((field) => ({ file, field, bits }));
  });
  let bytes = 0;
  const withRoom = wished.filter(({ bits }) => {
    bytes += filterBytes(bits);
    return bytes <= filters.bytesMax;
  });
  const missing = withRoom.filter(({ file, field }) => !filters.has(file.path, field));
  const [first] = missing;
  if (first === undefined) return undefined;
  const { field, bits } = first;
  const alike = missing.filter(
    (each) => each.field === field && each.bits === bits && each.file.schema === first.file.schema,
  );
  const count = Math.min(FILTER_BATCH_FILES, Math.floor(FILTER_BATCH_BYTES / filterBytes(bits)));
  return { field, bits, files: alike.slice(0, count).map(({ file }) => file) };
}

/** All texts that the field has in a file, wherever they are: in its column, in the map of rare fields, or some in each. */
function statementOf(
  schema: StreamSchema,
  { field, bits }: Batch,
  paths: readonly string[],
): { readonly sql: string; readonly parameters: readonly Value[] } {
  const columns = schema.columns.filter(
    (column) => column.field === field && column.kind === COLUMN_KIND.string,
  );
  const texts = isRole(field)
    ? [identifier(field)]
    : [...columns.map(({ name }) => identifier(name)), '"more"[$1::VARCHAR]'];
  const files = `read_parquet(${listOf(paths)}, hive_partitioning = false, filename = ${literal(FILE)})`;
  // A file may be older than the column.
  const table = `SELECT ${segmentProjection(schema, [])}, NULL::VARCHAR AS ${identifier(FILE)} WHERE false
    UNION ALL BY NAME SELECT * FROM ${files}`;
  const parts = texts.map((text) => `SELECT ${identifier(FILE)}, ${text} AS value FROM (${table})`);
  const sql = `SELECT ${identifier(FILE)}, base64(bitstring_agg((hash(value) % ${bits})::INTEGER, 0, ${bits - 1})::BLOB)
    FROM (${parts.join(' UNION ALL ')}) WHERE value IS NOT NULL GROUP BY ALL`;
  return { sql, parameters: isRole(field) ? [] : [field] };
}
