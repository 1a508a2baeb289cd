/** What slices have of segments, against SQL over the same files. */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { SegmentSource } from '../../../actors/replay/segment-groups.ts';
import { SliceReader } from '../../../actors/replay/slice-reader.ts';
import type { Slice } from '../../../actors/replay/slices.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import { packRegister } from '../../../src/aggregate/distinct-sketch.ts';
import { hashEntries, LABEL_SEED } from '../../../src/aggregate/hash.ts';
import { isFault } from '../../../src/model/errors.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import { openWorkshop, type Workshop } from '../../storage/segments/read-segment.ts';

const START_MS = 1_790_000_000_000;
const SPAN_MS = 100_000;
const SCHEMA: StreamSchema = {
  ...{ tenant: 'default', stream: 'events', version: 2 },
  columns: [
    { name: 'user', field: 'user', kind: 1 },
    { name: 'size', field: 'size', kind: 1 },
    { name: 'size_number', field: 'size', kind: 2 },
    { name: 'vip', field: 'vip', kind: 3 },
    { name: 'later', field: 'later', kind: 1 },
  ],
};
const ROLLUP: RollupDefinition = {
  ...{ name: 'r', stream: 'events', latenessMs: 0, seriesMax: 1_000 },
  dimensions: ['type', 'size', 'vip', 'later'],
  filter: [{ field: 'id', in: ['e1'] }],
  measures: [
    { op: 'sum', field: 'rare' },
    { op: 'max', field: 'ts' },
    { op: 'sum', field: 'size' },
    { op: 'distinct', field: 'user' },
  ],
  resolutions: [{ stepMs: 1_000, retentionMs: 1 }],
};
const TEXTS = ['type', 'size', 'vip', 'later', 'id'];
const NUMBERS = ['rare', 'ts', 'size'];
const TIME = `CASE WHEN epoch_ms(ts) > epoch_ms(_arrival) + 60000 THEN epoch_ms(_arrival) ELSE epoch_ms(ts) END`;

/** Of one partition, or of three; by type and time, or as they came; the first one from before a column. */
async function writeFiles({ duck, folder }: Workshop): Promise<SegmentSource[]> {
  const sources: SegmentSource[] = [];
  for (const [i, options] of ['ROW_GROUP_SIZE 2048', 'DICTIONARY_SIZE_LIMIT 20', ''].entries()) {
    const name = `${i}.parquet`;
    const path = join(folder, name);
    const later = i === 0 ? '' : `CASE WHEN hash(i, 9) % 3 = 0 THEN 'l' || i % 5 END AS later,`;
    await duck.rows(`COPY (SELECT 'e' || i AS id,
        make_timestamp_ms(${START_MS} + (hash(i, ${i}) % ${SPAN_MS})::BIGINT + CASE WHEN i % 50 = 0 THEN 90000 ELSE 0 END) AS ts,
        ['view', 'buy', 'ü'][1 + (hash(i, 1) % 3)::BIGINT] AS type, 'u' || (hash(i, 2) % 3000) AS "user",
        CASE WHEN i % 4 = 0 THEN 's' || i % 7 END AS size,
        CASE WHEN i % 4 = 1 THEN (i % 9) / 2 END::DOUBLE AS size_number,
        CASE WHEN i % 3 > 0 THEN i % 2 = 0 END AS vip, ${later}
        CASE WHEN i % 11 = 0 THEN MAP {'x': 'y', 'rare': CASE i % 5 WHEN 0 THEN 'no' WHEN 1 THEN '01' ELSE (i / 8)::VARCHAR END}
          WHEN i % 13 = 0 THEN MAP {'size': 'm' || i % 3} END AS more,
        make_timestamp_ms(${START_MS} + (hash(i, ${i}) % ${SPAN_MS})::BIGINT + 10) AS _arrival,
        ${i === 2 ? '(i % 3)::INTEGER' : i} AS _partition, i * 10 AS _position, 0 AS _row
      FROM range(7000) r(i) ${i < 2 ? 'ORDER BY type, ts' : ''})
      TO '${path}' (FORMAT parquet, PARQUET_VERSION V1, COMPRESSION zstd ${options && `, ${options}`})`);
    const positions =
      i === 1 ? undefined : { from: [0, 100, 50_000], to: [60_000, 65_000, 70_000] };
    sources.push({ name, path, partition: i === 2 ? undefined : i, positions });
  }
  return sources;
}

/** Rows as lines, in an order of their own. */
async function wantedRows({ duck }: Workshop, sources: readonly SegmentSource[], slice: Slice) {
  const parts = sources.map(({ path, positions }) => {
    const cases = positions?.from.map(
      (from, p) => `WHEN ${p} THEN _position >= ${from} AND _position < ${positions.to[p]}`,
    );
    const where = cases === undefined ? 'true' : `CASE _partition ${cases.join(' ')} END`;
    return `SELECT * FROM read_parquet('${path}') WHERE ${where}`;
  });
  const rows =
    await duck.rows(`SELECT _partition AS p, (${TIME})::DOUBLE AS t, type, vip, later, id, "user",
      coalesce(size, more['size']) AS size_text,
      CASE WHEN regexp_full_match(more['rare'], '-?(0|[1-9][0-9]*)([.][0-9]*[1-9])?') THEN more['rare']::DOUBLE END AS rare,
      epoch_ms(ts)::DOUBLE AS ts, size_number AS size
    FROM (${parts.join(' UNION ALL BY NAME ')}) WHERE t >= ${slice.fromMs} AND t < ${slice.toMs}`);
  return rows
    .map((row) => {
      const size = row['size_text'] ?? row['size'];
      const texts: Record<string, unknown> = { ...row, size };
      return line(
        Number(row['p']),
        Number(row['t']),
        TEXTS.map((field) => (texts[field] === null ? '-' : String(texts[field]))),
        [...NUMBERS.map((field) => row[field] ?? Number.NaN).map(Number), registerOf(row['user'])],
      );
    })
    .sort();
}

const line = (partition: number, t: number, texts: string[], numbers: number[]) =>
  [partition, t, ...texts, ...numbers].join(' ');

/** Of a field whose texts are only counted no more is told. */
function registerOf(text: unknown): number {
  const bytes = Buffer.from(String(text));
  const entries = { count: 1, offsets: Uint32Array.of(0, bytes.length), bytes };
  const [low, high] = [new Uint32Array(1), new Uint32Array(1)];
  hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
  return packRegister(low[0] as number, high[0] as number);
}

async function readRows(
  t: ExecutionContext,
  reader: SliceReader,
  slice: Slice,
  from: readonly SegmentSource[],
) {
  const loaded = await reader.load(slice, from);
  const columns = new BlockColumns();
  const lines: string[] = [];
  let [partition, last, disorder] = [-1, 0, 0];
  for await (const batch of loaded?.batches() ?? []) {
    columns.read(batch);
    const texts = TEXTS.map((field) => columns.labels(field));
    const numbers = NUMBERS.map((field) => columns.numbers(field));
    const users = columns.registers('user');
    for (let row = 0; row < batch.rows; row++) {
      const time = batch.times[row] as number;
      if (batch.partition < partition || (batch.partition === partition && time < last)) disorder++;
      [partition, last] = [batch.partition, time];
      const text = (column: (typeof texts)[number]) => {
        const code = column?.codes[row] ?? 0;
        if (column === undefined || code === 0) return '-';
        const { bytes, offsets } = column.entries;
        return Buffer.from(bytes.subarray(offsets[code - 1], offsets[code])).toString();
      };
      lines.push(
        line(batch.partition, time, texts.map(text), [
          ...numbers.map((values) => values?.[row] ?? Number.NaN),
          users?.[row] ?? 0,
        ]),
      );
    }
  }
  t.is(disorder, 0);
  return lines.sort();
}

for (const [title, bytesMax] of [
  ['kept', 2 ** 26],
  ['read again for each slice', 0],
] as const) {
  test(`slices have every row once, with row groups that are ${title}`, async (t) => {
    const workshop = await openWorkshop(t);
    const sources = await writeFiles(workshop);
    const reader = new SliceReader(SCHEMA, [ROLLUP], bytesMax);
    let rows = 0;
    for (const [from, to] of [
      [-1, 1],
      [1, 20_000],
      [20_000, 20_001],
      [20_001, 95_000],
      [95_000, 400_000],
    ] as const) {
      const slice = { fromMs: START_MS + from, toMs: START_MS + to };
      const lines = await readRows(t, reader, slice, sources);
      const wanted = await wantedRows(workshop, sources, slice);
      t.deepEqual(lines.filter((each, i) => each !== wanted[i]).slice(0, 3), []);
      t.is(lines.length, wanted.length);
      rows += lines.length;
    }
    t.true(rows > 15_000);
  });
}

test('a segment that is gone is told from one that cannot be read', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'a.parquet');
  const source = { name: 'a', path, partition: 0, positions: undefined };
  const reader = new SliceReader(SCHEMA, [ROLLUP], 0);
  const slice = { fromMs: 0, toMs: 10 };
  const gone = await t.throwsAsync(reader.load(slice, [source]));
  t.true(isFault(gone, 'archive_missing'));
  await duck.rows(`COPY (SELECT 'no segment' AS id) TO '${path}' (FORMAT csv)`);
  const damaged = await t.throwsAsync(reader.load(slice, [source]));
  t.true(isFault(damaged, 'segment_corrupt'));
});
