/** The files of a stream as one table: segments of any schema, and what is staged behind them. */
import { ok as assert } from 'node:assert';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import {
  identifier,
  listOf,
  segmentColumns,
  segmentProjection,
} from '../../storage/segments/segment-columns.ts';
import type { SegmentPart } from './segment-parts.ts';
import type { StreamSnapshot } from './snapshots.ts';

/** Rows in a file of this disk. */
export interface Source {
  readonly path: string;
  /** Files of the same shape have the same columns. */
  readonly shape: string;
  /** It has all columns of the schema that it is read with. */
  readonly isCurrent: boolean;
  /** Of its rows, those that count; undefined: all. */
  readonly condition?: string;
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  /** By how much an event's time lies ahead of its arrival, at most. Undefined: nobody knows. */
  readonly aheadMaxMs: number | undefined;
}

export function segmentSource({ localPath, files }: SegmentPart, current: StreamSchema): Source {
  const [first] = files;
  assert(first !== undefined, 'a part has a segment');
  return {
    path: localPath,
    shape: `segment ${first.schema}`,
    isCurrent: first.schema === current.version,
    tsMinMs: Math.min(...files.map(({ tsMinMs }) => tsMinMs)),
    tsMaxMs: Math.max(...files.map(({ tsMaxMs }) => tsMaxMs)),
    aheadMaxMs: greatest(files.map(({ aheadMaxMs }) => aheadMaxMs)),
  };
}

/** Undefined if one of them is. */
const greatest = (values: readonly (number | undefined)[]): number | undefined =>
  values.reduce((most, value) =>
    most === undefined || value === undefined ? undefined : Math.max(most, value),
  );

export function chunkSources({ chunks, archived, schema }: StreamSnapshot): Source[] {
  const columns = segmentColumns(schema).length;
  return chunks.map(({ file, from }) => {
    const passed = [...archived].filter(([partition, end]) => end > (from.get(partition) ?? 0));
    const ends = passed.map(([p, end]) => `WHEN ${p} THEN _position >= ${end}`);
    return {
      path: file.path,
      shape: `staged ${file.columns.join()}`,
      isCurrent: file.columns.length === columns,
      tsMinMs: file.tsMinMs,
      tsMaxMs: file.tsMaxMs,
      aheadMaxMs: file.aheadMaxMs,
      ...(ends.length > 0 && { condition: `CASE _partition ${ends.join(' ')} ELSE true END` }),
    };
  });
}

/**
 * A query for all rows of the sources, with the columns of `schema` in their order. Files of one shape are read together; what
 * a shape has no column for is null.
 */
export function tableOf(schema: StreamSchema, sources: readonly Source[]): string {
  const groups = new Map<string, Source[]>();
  for (const source of sources) {
    const key = `${source.shape}\n${source.condition ?? ''}`;
    const others = groups.get(key);
    if (others === undefined) groups.set(key, [source]);
    else others.push(source);
  }
  const parts = [...groups.values()].map((group) => {
    const paths = listOf(group.map(({ path }) => path));
    const condition = group[0]?.condition;
    const where = condition === undefined ? '' : ` WHERE ${condition}`;
    return `SELECT * FROM read_parquet(${paths}, hive_partitioning = false)${where}`;
  });
  const columns = segmentColumns(schema).map(({ name }) => identifier(name));
  const head = `SELECT ${segmentProjection(schema, [])} WHERE false`;
  return `SELECT ${columns.join(', ')} FROM (${[head, ...parts].join(' UNION ALL BY NAME ')})`;
}
