/** Conditions judged on blocks hold for the same events as their SQL does, and as that of a timeseries, whatever the events and the conditions. */
import { join } from 'node:path';
import * as api from '@duckdb/node-api';
import test from 'ava';
import { typesOf } from '../../../actors/cold/bound-values.ts';
import { EventFilter } from '../../../actors/cold/event-filter.ts';
import { FieldSql, type LabelWhere } from '../../../actors/cold/field-sql.ts';
import type { EventWhere, Value } from '../../../actors/cold/questions.ts';
import { predicateOf } from '../../../actors/follow/predicate.ts';
import type { Block } from '../../../src/model/block.ts';
import { KeptRows } from '../../../storage/segments/kept-rows.ts';
import { evolveSchema, Observation } from '../../../storage/segments/schema-evolution.ts';
import { StageWriter } from '../../../storage/segments/stage.ts';
import { eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { Random } from '../../simulation/random.ts';
import { openWorkshop } from '../../storage/segments/read-segment.ts';

const ROUNDS = 12;
const CONDITIONS = 40;
const ARRIVAL_MS = 1_790_000_000_000;
const TEXTS = [
  '',
  '7',
  '07',
  'seven',
  'Seven',
  'sev',
  'ü',
  '\u{1F600}',
  '\uFF76',
  'true',
  'a\u0000b',
  ' 7 ',
  ' 7',
  '7.0',
  '-0',
  '1e3',
  '1000',
  '1e+300',
  '1e300',
  "o'k",
];
const NUMBERS = [7, 0, -0, -1.5, 1e300, 1_000, 0.1, 9_007_199_254_740_991, ARRIVAL_MS];
/** As a rollup has them: each of one text. */
const LABELS = [...TEXTS, ...NUMBERS.map(String), '0x7', '.1', '7e0'];
const FIELDS = ['a', 'b', 'A', 'c.d', 'none', 'id', 'type', 'ts'];

test('events and conditions at random', async (t) => {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  const random = new Random(seed);
  const { folder, duck } = await openWorkshop(t);
  const pick = <T>(from: readonly T[]): T => random.pick(from);
  const value = (): Value =>
    pick<() => Value>([() => pick(TEXTS), () => pick(NUMBERS), () => pick([true, false])])();
  const event = (n: number): PlainEvent => ({
    ...(random.chance(0.75) && { id: `${pick(TEXTS)}${n}` }),
    type: pick(['x', 'y', 'Zed', ...TEXTS.slice(1)]),
    ts: ARRIVAL_MS + random.int(-1, 1),
    ...Object.fromEntries(
      ['a', 'b', 'A', 'c.d'].filter(() => random.chance(0.66)).map((name) => [name, value()]),
    ),
  });
  const where = (depth: number): EventWhere => {
    const parts: (() => EventWhere)[] = [
      () => ({ field: pick(FIELDS), [pick(['eq', 'ne'])]: value() }),
      () => ({ field: pick(FIELDS), in: [value(), value()] }),
      () => ({
        field: pick(FIELDS),
        [pick(['gt', 'gte', 'lt', 'lte'])]: pick<Value>([...TEXTS, ...NUMBERS]),
      }),
      () => ({ field: pick(FIELDS), [pick(['contains', 'prefix'])]: pick(TEXTS) }),
      () => ({ field: pick(FIELDS), exists: pick([true, false]) }),
      () => ({ field: pick(FIELDS), gte: pick(NUMBERS), lt: pick(NUMBERS), ne: value() }),
    ];
    if (depth > 0) {
      parts.push(
        () => ({ and: [where(depth - 1), where(depth - 1)] }),
        () => ({ or: [where(depth - 1), where(depth - 1)] }),
        () => ({ not: where(depth - 1), field: pick(FIELDS), exists: true }),
      );
    }
    return pick(parts)();
  };
  for (let round = 0; round < ROUNDS; round++) {
    const blocks = Array.from({ length: 3 }, (_, i) =>
      eventBlock(
        Array.from({ length: 30 }, (_, n) => event(i * 30 + n)),
        { arrivalMs: ARRIVAL_MS },
        i === 1,
      ),
    );
    const path = join(folder, `${round}.parquet`);
    const seen = new Observation({ tenant: 'default', stream: 'events' }, undefined);
    for (const block of blocks) seen.add(block);
    const schema = evolveSchema(undefined, seen);
    const writer = new StageWriter({ path, schema });
    for (const [i, block] of blocks.entries()) writer.add(block, i, undefined);
    writer.finish();
    const read = async (list: string, where: string, parameters: readonly Value[]) => {
      const connection = await duck.connect();
      const result = await connection.runAndReadAll(
        `SELECT _position::INTEGER || '.' || _row, ${list} FROM read_parquet('${path}')
          WHERE ${where} ORDER BY _position, _row`,
        [...parameters],
        typesOf(api, parameters),
      );
      connection.disconnectSync();
      return result.getRows();
    };
    for (let i = 0; i < CONDITIONS; i++) {
      const condition = where(2);
      const filter = new EventFilter(schema);
      const rows = await read('true', filter.where(condition, true), filter.parameters);
      t.deepEqual(
        judged(blocks, condition),
        rows.map(([at]) => at),
        `SEED=${seed}: ${JSON.stringify(condition)}`,
      );
    }
    const ofLabels = LABELS.flatMap((label): LabelWhere[] => [
      { field: 'a', eq: label },
      { field: 'a', ne: label },
      { field: 'a', in: [label, pick(LABELS)] },
    ]);
    const fields = new FieldSql(schema);
    const list = ofLabels.map((each) => fields.where(each, true));
    const rows = await read(list.join(', '), 'true', fields.parameters);
    for (const [i, condition] of ofLabels.entries()) {
      const expected = rows.filter((row) => row[i + 1] === true).map(([at]) => at);
      t.deepEqual(
        judged(blocks, condition),
        expected,
        `SEED=${seed}: ${JSON.stringify(condition)}`,
      );
    }
  }
});

function judged(blocks: readonly Block[], condition: EventWhere): string[] {
  const predicate = predicateOf(condition, undefined);
  const kept = new KeptRows();
  return blocks.flatMap((block, i) => {
    kept.load(block, undefined);
    return [...predicate({ block, kept })].flatMap((holds, row) =>
      holds === 1 ? [`${i}.${row}`] : [],
    );
  });
}

test('what the archive refuses is refused here too', (t) => {
  const refused = (condition: EventWhere, message: RegExp) =>
    t.throws(() => predicateOf(condition, undefined), { message });
  refused({}, /must name a field/);
  refused({ eq: 1 }, /must name its field/);
  refused({ field: 'a' }, /needs one of eq/);
  refused({ field: 'a', gt: true }, /expected a number or a text/);
  refused({ field: 'a', in: Array(300).fill(1) }, /256 parts and values/);
});
