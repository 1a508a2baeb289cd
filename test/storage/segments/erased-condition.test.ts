import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { Block } from '../../../src/model/block.ts';
import { eraseRows, rowsWith } from '../../../src/model/block-eraser.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import { type ErasedEvents, erasedCondition } from '../../../storage/segments/erased-condition.ts';
import { evolveSchema, Observation } from '../../../storage/segments/schema-evolution.ts';
import { filterSegment, sealSegment } from '../../../storage/segments/seal.ts';
import { StageWriter } from '../../../storage/segments/stage.ts';
import { openWorkshop, readSegment } from './read-segment.ts';
import {
  blockOf,
  OF,
  type SampleBlock,
  sampleBlock,
  type Value,
  verdictOf,
} from './sample-blocks.ts';

const offsetOf = (index: number): number => 2 ** 40 + index * 4_096;
const everything = { before: Number.MAX_SAFE_INTEGER, arrivedBeforeMs: 0 };

function schemaFrom(blocks: readonly SampleBlock[]): StreamSchema {
  const observation = new Observation(OF, undefined);
  for (const block of blocks) observation.add(blockOf(block));
  return evolveSchema(undefined, observation);
}

/** `edit` sees each block before it is staged. */
function stage(
  path: string,
  blocks: readonly SampleBlock[],
  schema: StreamSchema,
  edit: (block: Block) => Block = (block) => block,
) {
  const writer = new StageWriter({ path, schema });
  blocks.forEach((block, i) => {
    writer.add(edit(blockOf(block)), offsetOf(i), verdictOf(block));
  });
  return writer.finish();
}

/** A column of numbers has either of 0 and -0, the map of rare fields both. No event that is taken in has an empty type. */
const asTakenIn = (block: SampleBlock): SampleBlock => ({
  ...block,
  events: block.events.map((event) => ({
    ...event,
    type: event.type === '' ? 'view' : event.type,
    fields: Object.fromEntries(
      Object.entries(event.fields).map(([name, value]) => [name, value === 0 ? 0 : value]),
    ),
  })),
});

function erased(block: Block, events: ErasedEvents): Block {
  const rows = rowsWith(block, events);
  return rows === undefined ? block : new Block(eraseRows(block.bytes, rows));
}

/** Of some event, or one that no event has. */
function someValue(blocks: readonly SampleBlock[], pick: number) {
  const values: [string, Value][] = [['user', 'nobody']];
  for (const { events } of blocks) {
    for (const { id, type, fields } of events) {
      values.push(...Object.entries(fields), ['type', type]);
      if (id !== null) values.push(['id', id]);
    }
  }
  const [field, value] = values[pick % values.length] as [string, Value];
  return { field, value: String(value), ...everything };
}

test('an event is erased from a segment as it is from its block', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const path = join(folder, 'stage.parquet');
  const segment = join(folder, 'segment.parquet');
  const out = join(folder, 'out.parquet');
  await fc.assert(
    fc.asyncProperty(
      fc.array(sampleBlock.map(asTakenIn), { minLength: 1, maxLength: 4 }),
      fc.nat({ max: 4 }),
      fc.nat(),
      async (blocks, observed, pick) => {
        const schema = schemaFrom(blocks.slice(0, observed));
        const staged = stage(path, blocks, schema);
        if (staged.rows === 0) return;
        await sealSegment(duck, staged, schema, segment);
        const events = someValue(blocks, pick);
        const { taken: rowsTaken, left } = await filterSegment(
          duck,
          segment,
          schema,
          (columns) => erasedCondition(events, schema, columns),
          out,
        );
        const restaged = stage(path, blocks, schema, (block) => erased(block, events));
        t.is(rowsTaken, staged.rows - restaged.rows);
        t.is(left === undefined, rowsTaken === 0 || restaged.rows === 0);
        if (left === undefined) return;
        t.is(left.rows, restaged.rows);
        t.deepEqual(
          await readSegment(duck, out, restaged.columns, schema),
          await readSegment(duck, path, restaged.columns, schema),
        );
      },
    ),
    { numRuns: 60 },
  );
});

const sample = (partition: number, users: readonly Value[], arrivalMs: number): SampleBlock => ({
  partition,
  arrivalMs,
  events: users.map((user, i) => ({
    ...{ id: `${partition}-${i}`, ts: arrivalMs, type: 'view' },
    fields: { user },
  })),
});

test('what lies behind the position stays, unless it arrived long before', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const blocks = [sample(0, ['ann', 'bob'], 1_000), sample(1, ['ann', 'ann'], 2_000)];
  const schema = schemaFrom(blocks);
  const path = join(folder, 'stage.parquet');
  stage(path, blocks, schema);
  const taken = async (before: number, arrivedBeforeMs: number) => {
    const events = { field: 'user', value: 'ann', before, arrivedBeforeMs };
    const condition = (columns: readonly string[]) => erasedCondition(events, schema, columns);
    const out = join(folder, 'out.parquet');
    return [...(await filterSegment(duck, path, schema, condition, out)).counted];
  };
  t.deepEqual(await taken(offsetOf(0), 0), []);
  t.deepEqual(await taken(offsetOf(1), 0), [[0, 1]]);
  t.deepEqual(await taken(offsetOf(2), 0), [
    [0, 1],
    [1, 2],
  ]);
  t.deepEqual(await taken(0, 1_001), [[0, 1]]);
});

test('a value is text and nothing else', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const values = [`' OR true --`, 'a\0b', `"`, '1e3', 'NaN', '💾', ''];
  const blocks = [sample(0, values, 1_000), sample(0, ['other', 1000, Number.MAX_VALUE], 1_000)];
  const schema = schemaFrom(blocks);
  const path = join(folder, 'stage.parquet');
  stage(path, blocks, schema);
  for (const value of [...values, '1000', String(Number.MAX_VALUE)]) {
    for (const known of [schema, { ...schema, columns: [] }]) {
      const events = { field: 'user', value, ...everything };
      const condition = (columns: readonly string[]) => erasedCondition(events, known, columns);
      const out = join(folder, 'out.parquet');
      const { taken } = await filterSegment(duck, path, schema, condition, out);
      t.is(taken, known === schema ? 1 : 0, value);
    }
  }
  t.true(existsSync(path));
});

test('of a topic each partition has its own place up to which events are erased', async (t) => {
  const { folder, duck } = await openWorkshop(t);
  const events: ErasedEvents = {
    ...{ field: 'type', value: 'view', arrivedBeforeMs: 0 },
    before: [100, 3],
  };
  const schema = schemaFrom([]);
  const path = join(folder, 'places.parquet');
  await duck.rows(
    `COPY (SELECT 'view' AS type, p AS _partition, o AS _position, TIMESTAMP '2026-01-01' AS _arrival
      FROM (VALUES (0, 99), (0, 100), (1, 2), (1, 3), (2, 0)) v(p, o)) TO '${path}' (FORMAT parquet)`,
  );
  const condition = erasedCondition(events, schema, []);
  const rows = await duck.rows(
    `SELECT _partition, _position FROM read_parquet('${path}') WHERE ${condition} ORDER BY ALL`,
  );
  t.deepEqual(
    rows.map((row) => [Number(row['_partition']), Number(row['_position'])]),
    [
      [0, 99],
      [1, 2],
    ],
  );
});
