/** What found no series of its own, added up over partitions. */
import test from 'ava';
import { RollupOverflows } from '../../src/query/rollup-overflows.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE, BY_TYPE_AND_COUNTRY } from './rollups.ts';

const START = Date.parse('2026-05-01T12:00:00Z');

const ROLLUP = { ...BY_TYPE_AND_COUNTRY, seriesMax: 2 };

function setUp() {
  const memory = new MemoryPartitions([BY_TYPE, ROLLUP]);
  const send = (partition: number, ...events: readonly [type: string, country: string][]) =>
    memory.apply(
      partition,
      events.map(([type, country]) => ({ ts: START, type, country })),
      START,
    );
  return { memory, send, overflows: () => new RollupOverflows(TENANT, memory) };
}

test('the field with the most values that no series has comes first, with some of them', async (t) => {
  const { send, overflows } = setUp();
  send(0, ['view', 'DE'], ['view', 'FR'], ['view', 'IT'], ['buy', 'ES']);
  send(1, ['view', 'DE'], ['buy', 'DE'], ['view', 'IT'], ['view', 'PT']);
  t.deepEqual(await overflows().of(ROLLUP), {
    events: 4,
    dimensions: [
      { name: 'country', refused: 4, examples: ['IT', 'ES', 'PT'] },
      { name: 'type', refused: 1, examples: ['buy'] },
    ],
    missingPartitions: [],
  });
  t.deepEqual(await overflows().of(BY_TYPE), {
    ...{ events: 0, dimensions: [], missingPartitions: [] },
  });
});

test('known values in a combination that no series has are counted, and no field is to blame', async (t) => {
  const { send, overflows } = setUp();
  send(0, ['view', 'DE'], ['buy', 'FR']);
  send(0, ['view', 'FR']);
  t.deepEqual(await overflows().of(ROLLUP), { events: 1, dimensions: [], missingPartitions: [] });
});

test('a partition that does not answer is missing; of the others examples are bounded', async (t) => {
  const { memory, send, overflows } = setUp();
  const other = new MemoryPartitions([ROLLUP], 3);
  const countries = (prefix: string) =>
    Array.from({ length: 12 }, (_, i): [string, string] => ['view', `${prefix}${i}`]);
  send(0, ...countries('a'));
  memory.stop(1);
  const { events, dimensions, missingPartitions } = await overflows().of(ROLLUP);
  t.deepEqual([events, missingPartitions], [10, [1]]);
  t.is(dimensions[0]?.refused, 10);
  for (const [partition, prefix] of ['a', 'b', 'c'].entries()) {
    const of = countries(prefix).map(([type, country]) => ({ ts: START, type, country }));
    other.apply(partition, of, START);
  }
  const merged = await new RollupOverflows(TENANT, other).of(ROLLUP);
  t.is(merged.dimensions[0]?.refused, 30);
  t.is(merged.dimensions[0]?.examples.length, 8);
});
