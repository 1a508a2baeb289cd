import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import { evolveSchema, Observation } from '../../../storage/segments/schema-evolution.ts';
import { mergeSegments, sealSegment } from '../../../storage/segments/seal.ts';
import { StageWriter } from '../../../storage/segments/stage.ts';
import { openWorkshop, readSegment } from './read-segment.ts';
import {
  blockOf,
  OF,
  type SampleBlock,
  type SampleEvent,
  type SeenEvent,
  sampleBlock,
  seenOf,
  verdictOf,
} from './sample-blocks.ts';

const offsetOf = (index: number): number => 2 ** 40 + index * 4_096;

/** A schema in which some of the fields have columns: those that are common enough in the first blocks. */
function schemaFrom(blocks: readonly SampleBlock[]): StreamSchema {
  const observation = new Observation(OF, undefined);
  for (const block of blocks) observation.add(blockOf(block));
  return evolveSchema(undefined, observation);
}

function stage(path: string, blocks: readonly SampleBlock[], schema: StreamSchema) {
  const writer = new StageWriter({ path, schema });
  blocks.forEach((block, i) => {
    writer.add(blockOf(block), offsetOf(i), verdictOf(block));
  });
  return writer.finish();
}

/** DuckDB makes one dictionary entry of 0 and -0, which are equal: a segment may have either for the other. */
const withoutMinusZero = (seen: SeenEvent): SeenEvent => ({
  ...seen,
  fields: Object.fromEntries(
    Object.entries(seen.fields).map(([name, value]) => [name, value === 0 ? 0 : value]),
  ),
});

const event = (fields: SampleEvent['fields'], over: Partial<SampleEvent> = {}): SampleEvent => ({
  ...{ id: null, ts: 1_700_000_000_000, type: 'view', fields },
  ...over,
});

test('what is staged, and what is sealed of it, is what the blocks hold', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'stage.parquet');
  const sealedPath = join(folder, 'segment.parquet');
  await fc.assert(
    fc.asyncProperty(
      fc.array(sampleBlock, { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 4 }),
      async (blocks, observed) => {
        const schema = schemaFrom(blocks.slice(0, observed));
        const staged = stage(path, blocks, schema);
        const wanted = seenOf(blocks, offsetOf, schema);
        t.is(staged.rows, wanted.length);
        t.deepEqual(await readSegment(duck, path, staged.columns, schema), wanted);
        if (wanted.length === 0) return;

        const sealed = await sealSegment(duck, staged, schema, sealedPath);
        const times = wanted.map(({ ts }) => ts);
        t.like(sealed, {
          rows: wanted.length,
          tsMinMs: Math.min(...times),
          tsMaxMs: Math.max(...times),
        });
        t.like(staged, {
          tsMinMs: sealed.tsMinMs,
          tsMaxMs: sealed.tsMaxMs,
          aheadMaxMs: Math.max(...wanted.map(({ ts, arrivalMs }) => ts - arrivalMs)),
        });
        const read = await readSegment(duck, sealedPath, staged.columns, schema);
        t.deepEqual(read.map(withoutMinusZero), wanted.map(withoutMinusZero));
      },
    ),
    { numRuns: 40 },
  );
});

test('small and large blocks share a file, in row groups of some thousand rows', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const sizes = [1, 3, 16_384, 1, 1, 5_000, ...Array.from({ length: 500 }, (_, i) => i % 37)];
  let made = 0;
  const blocks = sizes.map((rows, i) => ({
    partition: 7,
    arrivalMs: 1_700_000_000_000 + i,
    events: Array.from({ length: rows }, () => {
      const n = made++;
      const fields = {
        user: `user-${n % 701}`,
        ms: n / 8,
        ...(n % 3 === 0 ? { isNew: n % 2 === 0 } : {}),
      };
      return event(fields, { id: `id-${n}`, ts: 1_700_000_000_000 + (n % 1_000) });
    }),
  }));
  const schema = schemaFrom(blocks.slice(0, 3));
  const path = join(folder, 'stage.parquet');
  const staged = stage(path, blocks, schema);
  const read = await readSegment(duck, path, staged.columns, schema);
  t.true(isDeepStrictEqual(read, seenOf(blocks, offsetOf, schema)));
  const [groups] = await duck.rows(
    `SELECT num_row_groups AS n FROM parquet_file_metadata('${path}')`,
  );
  t.is(Number(groups?.['n']), 5);
});

test('hundreds of rare fields become one map per row', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const events = Array.from({ length: 600 }, (_, n) =>
    event(
      n % 2 === 0
        ? { [`rare ${n}`]: n, [`other ${n % 7}`]: `é${n}`, [`flag ${n}`]: n % 4 === 0 }
        : {},
    ),
  );
  const blocks = [{ partition: 0, arrivalMs: 1, events }];
  const schema = { ...OF, version: 1, columns: [] };
  const path = join(folder, 'stage.parquet');
  const staged = stage(path, blocks, schema);
  t.deepEqual(
    await readSegment(duck, path, staged.columns, schema),
    seenOf(blocks, offsetOf, schema),
  );
});

test('a field that is text in one row and a number in the next has two columns', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const events = [event({ code: 7 }), event({ code: 'seven' }), event({ code: false }), event({})];
  const blocks = [{ partition: 0, arrivalMs: 1, events }];
  const schema = schemaFrom(blocks);
  t.deepEqual(
    schema.columns.map(({ name }) => name),
    ['code', 'code_number', 'code_boolean'],
  );
  const path = join(folder, 'stage.parquet');
  const staged = stage(path, blocks, schema);
  t.deepEqual(
    await readSegment(duck, path, staged.columns, schema),
    seenOf(blocks, offsetOf, schema),
  );
});

test('a block whose rows were all dropped leaves nothing', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'stage.parquet');
  const schema = { ...OF, version: 1, columns: [] };
  const blocks = [{ partition: 0, arrivalMs: 1, events: [event({ a: 1 })], keep: [false] }];
  const staged = stage(path, blocks, schema);
  t.like(staged, { rows: 0, tsMinMs: 0, tsMaxMs: 0 });
  t.deepEqual(await readSegment(duck, path, staged.columns, schema), []);
});

test('a staging file that is given up is gone', async (t) => {
  const { folder } = await openWorkshop(t);
  const path = join(folder, 'stage.parquet');
  const writer = new StageWriter({ path, schema: { ...OF, version: 1, columns: [] } });
  writer.add(blockOf({ partition: 0, arrivalMs: 1, events: [event({})] }), 0, undefined);
  writer.abort();
  t.false(existsSync(path));
  t.throws(
    () =>
      new StageWriter({
        path: join(folder, 'none', 'x'),
        schema: { ...OF, version: 1, columns: [] },
      }),
    {
      code: 'segment_failed',
    },
  );
});

test('the same blocks make the same segment, byte for byte', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const events = Array.from({ length: 3_000 }, (_, n) =>
    event({ url: `/${n % 50}` }, { ts: n % 10 }),
  );
  const blocks = [{ partition: 0, arrivalMs: 1, events }];
  const schema = schemaFrom(blocks);
  const files = ['a', 'b'].map((name) => join(folder, name));
  for (const file of files) {
    await sealSegment(duck, stage(`${file}.stage`, blocks, schema), schema, file);
  }
  const [a, b] = files.map((file) => readFileSync(file));
  t.deepEqual(a, b);
});

test('a segment of several row groups lies in the order of the log; merged ones in that of type and time', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const types = ['view', 'click', 'é', 'buy'];
  const block = {
    partition: 0,
    arrivalMs: 1,
    events: Array.from({ length: 2_048 }, (_, n) =>
      event({ n }, { type: types[(n * 7) % 4]!, ts: (n * 7_919) % 1_000 }),
    ),
  };
  const schema = schemaFrom([block]);
  const sealed = join(folder, 'segment');
  const staged = stage(`${sealed}.stage`, Array(61).fill(block), schema);
  await sealSegment(duck, staged, schema, sealed);
  const merged = join(folder, 'merged');
  await mergeSegments(duck, [sealed], schema, merged);
  for (const [path, order] of [
    [sealed, '_position, _row'],
    [merged, 'type, ts, _position, _row'],
  ]) {
    const [counted] = await duck.rows(
      `SELECT count(DISTINCT row_group_id) AS groups FROM parquet_metadata('${path}')`,
    );
    t.is(Number(counted?.['groups']), 2);
    const [outOfOrder] = await duck.rows(
      `SELECT count(*) AS rows FROM (
        SELECT (${order}) AS place, lag(place) OVER (ORDER BY file_row_number) AS before
        FROM read_parquet('${path}', file_row_number = true)) WHERE before > place`,
    );
    t.is(Number(outOfOrder?.['rows']), 0, path);
  }
});

test('segments of older schemas become one, whose rows lack what came later', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const early = [
    {
      partition: 0,
      arrivalMs: 1,
      events: [event({ url: '/b' }, { ts: 2 }), event({ rare: 1 }, { ts: 4 })],
    },
  ];
  const late = [{ partition: 1, arrivalMs: 2, events: [event({ url: '/a', rare: 2 }, { ts: 3 })] }];
  const before = {
    ...OF,
    version: 1,
    columns: schemaFrom(early).columns.filter(({ field }) => field === 'url'),
  };
  const observation = new Observation(OF, before);
  for (const block of late) observation.add(blockOf(block));
  const after = evolveSchema(before, observation);
  t.deepEqual(
    after.columns.map(({ name }) => name),
    ['url', 'rare'],
  );

  const paths = [join(folder, 'early'), join(folder, 'late')];
  await sealSegment(duck, stage(join(folder, 's1'), early, before), before, paths[0]!);
  await sealSegment(duck, stage(join(folder, 's2'), late, after), after, paths[1]!);
  const merged = join(folder, 'merged');
  t.like(await mergeSegments(duck, paths, after, merged), { rows: 3, tsMinMs: 2, tsMaxMs: 4 });
  const read = await readSegment(duck, merged, [...columnNames(after)], after);
  t.deepEqual(
    read.map(({ fields, more }) => ({ ...fields, more })),
    [
      { url: '/b', rare: null, more: null },
      { url: null, rare: null, more: { rare: '1' } },
      { url: '/a', rare: 2, more: null },
    ],
  );
  await t.throwsAsync(mergeSegments(duck, paths, before, merged), { code: 'segment_failed' });
});

test('DuckDB reads and writes in its own folders only', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  await t.throwsAsync(duck.rows("SELECT * FROM read_text('/etc/hostname')"), {
    message: /Permission/,
  });
  await t.throwsAsync(duck.rows(`COPY (SELECT 1) TO '${folder}/../streamgauge-escaped.csv'`), {
    message: /Permission/,
  });
  await t.throwsAsync(duck.rows('SET enable_external_access = true'));
});

function* columnNames(schema: StreamSchema): Generator<string> {
  yield* ['id', 'ts', 'type'];
  for (const { name } of schema.columns) yield name;
  yield* ['more', '_arrival', '_partition', '_position', '_row'];
}
