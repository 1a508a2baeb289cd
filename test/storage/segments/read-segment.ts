/** Reads a staging file or a segment back through DuckDB, as events. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBMapValue } from '@duckdb/node-api';
import type { ExecutionContext } from 'ava';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import { type Duck, openDuck } from '../../../storage/segments/duckdb.ts';
import { segmentProjection } from '../../../storage/segments/segment-columns.ts';
import type { SeenEvent, Value } from './sample-blocks.ts';

export interface Workshop {
  readonly folder: string;
  readonly duck: Duck;
}

export async function openWorkshop(t: ExecutionContext, memoryBytesMax = 256e6): Promise<Workshop> {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-segments-'));
  const tempDir = join(folder, 'temp');
  const duck = await openDuck({ threads: 1, memoryBytesMax, tempDir, folders: [folder] });
  t.teardown(() => {
    duck.close();
    rmSync(folder, { recursive: true });
  });
  return { folder, duck };
}

/** In the order of the file. */
export async function readSegment(
  duck: Duck,
  path: string,
  columns: readonly string[],
  schema: StreamSchema,
): Promise<SeenEvent[]> {
  const projection = segmentProjection(schema, columns);
  const rows = await duck.rows(
    `SELECT *, epoch_ms(ts) AS "ts ms", epoch_ms(_arrival) AS "arrival ms"
      FROM (SELECT ${projection} FROM read_parquet('${path}'))`,
  );
  return rows.map((row) => ({
    id: textOrNull(row['id']),
    ts: Number(row['ts ms']),
    type: String(row['type']),
    fields: Object.fromEntries(schema.columns.map(({ name }) => [name, plain(row[name])])),
    more: entriesOf(row['more']),
    arrivalMs: Number(row['arrival ms']),
    partition: Number(row['_partition']),
    position: Number(row['_position']),
    row: Number(row['_row']),
  }));
}

const textOrNull = (value: unknown): string | null => (value === null ? null : String(value));

function plain(value: unknown): Value | null {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return value;
  if (value !== null) throw new TypeError(`expected a plain value, DuckDB gave ${value}`);
  return null;
}

function entriesOf(value: unknown): Record<string, string> | null {
  if (!(value instanceof DuckDBMapValue)) return null;
  return Object.fromEntries(value.entries.map((entry) => [String(entry.key), String(entry.value)]));
}
