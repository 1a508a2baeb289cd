import test from 'ava';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { TimeseriesAnswer } from '../../src/query/answer.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import type { PlainEvent } from '../aggregate/event-blocks.ts';
import { rollup } from '../query/rollups.ts';
import { Random } from '../simulation/random.ts';
import { ClusterScene, NOW_MS, TENANT, type TestNode } from './node-scene.ts';

const BY_TYPE: RollupDefinition = rollup('by_type', {
  dimensions: ['type', 'country'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'n' },
    { op: 'sum', field: 'price' },
    { op: 'min', field: 'price' },
    { op: 'max', field: 'price' },
    { op: 'quantile', field: 'price' },
    { op: 'distinct', field: 'user' },
  ],
});
const FROM_MS = NOW_MS - 1_800_000;

const REQUEST: TimeseriesRequest = {
  tenant: TENANT,
  stream: 'events',
  fromMs: FROM_MS,
  toMs: NOW_MS + 60_000,
  stepMs: 60_000,
  groupBy: ['country'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'n' },
    { op: 'min', field: 'price' },
    { op: 'max', field: 'price' },
    { op: 'quantile', field: 'price', q: 0.95 },
    { op: 'distinct', field: 'user' },
  ],
};

/** The same for the same seed. */
function eventsOf(seed: number, count: number): PlainEvent[] {
  const random = new Random(seed);
  const below = (n: number) => random.int(0, n - 1);
  return Array.from({ length: count }, () => ({
    ts: FROM_MS + below(1_800_000),
    type: `type ${below(3)}`,
    country: `country ${below(20)}`,
    n: below(1_000),
    price: random.next() * 100,
    user: `user ${below(500)}`,
  }));
}

const plain = ({ series, ...answer }: TimeseriesAnswer) => ({ ...answer, series });

test('a node that has some partitions, or none, answers as one that has all', async (t) => {
  const scene = await ClusterScene.open(t, {
    rollups: [BY_TYPE],
    nodes: [{ name: 'alone' }, { name: 'a' }, { name: 'b' }, { name: 'c' }],
  });
  for (let round = 0; round < 3; round++) {
    for (let partition = 0; partition < 4; partition++) {
      await scene.send(partition, eventsOf(round * 10 + partition, 200));
    }
    await scene.applied();
    // Some is committed, some of it not; each node commits at other times.
    if (round === 0) await scene.commit(['alone', 'a', 'b', 'c'], 0, 1, 2, 3);
    if (round === 1) await scene.commit(['a'], 0);
    if (round === 1) await scene.commit(['b'], 2);
  }
  scene.assign({ alone: [0, 1, 2, 3] });
  const requests: TimeseriesRequest[] = [
    REQUEST,
    { ...REQUEST, stepMs: 1_000, groupBy: [], measures: [{ op: 'count' }] },
    { ...REQUEST, stepMs: 1_800_000, groupBy: ['type', 'country'], limit: 7 },
    { ...REQUEST, where: { field: 'country', eq: 'country 3' } },
  ];
  const expected = await Promise.all(
    requests.map((request) => scene.node('alone').queries.timeseries(request)),
  );
  t.true((expected[0]?.seriesFound ?? 0) > 10);
  scene.assign({ a: [0, 3], b: [1, 2], c: [] });
  for (const name of ['a', 'b', 'c']) {
    for (const [i, request] of requests.entries()) {
      const answer = await scene.node(name).queries.timeseries(request);
      t.deepEqual(plain(answer), plain(expected[i] as TimeseriesAnswer), `${name} ${i}`);
    }
  }
});

test('sums of fractions are the same whoever answers first, and as on one server but for rounding', async (t) => {
  const delays = new Map<number, number>();
  const beforeAnswer = async (_name: string, partition: number) => {
    for (let turns = delays.get(partition) ?? 0; turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const scene = await ClusterScene.open(t, {
    rollups: [BY_TYPE],
    nodes: [
      { name: 'alone' },
      { name: 'a', beforeAnswer },
      { name: 'b', beforeAnswer },
      { name: 'c' },
    ],
  });
  for (let partition = 0; partition < 4; partition++) {
    await scene.send(partition, eventsOf(partition, 300));
  }
  await scene.applied();
  await scene.commit(['a'], 0);
  await scene.commit(['b'], 1, 2);
  const request = { ...REQUEST, groupBy: [], measures: [{ op: 'sum' as const, field: 'price' }] };
  const values = ({ series }: TimeseriesAnswer) =>
    series.flatMap(({ points }) => points.map((point) => point.values[0]?.value ?? Number.NaN));
  scene.assign({ alone: [0, 1, 2, 3] });
  const expected = values(await scene.node('alone').queries.timeseries(request));
  scene.assign({ a: [0, 3], b: [1, 2], c: [] });
  const answers: number[][] = [];
  for (const slowest of [0, 1, 2, 3]) {
    delays.clear();
    delays.set(slowest, 50);
    answers.push(values(await scene.node('c').queries.timeseries(request)));
  }
  for (const answer of answers) t.deepEqual(answer, answers[0]);
  for (const [i, value] of expected.entries()) {
    const got = answers[0]?.[i] ?? Number.NaN;
    t.true(Math.abs(got - value) <= 1e-12 * Math.abs(value), `${got} ${value}`);
  }
});

async function threeNodes(t: Parameters<typeof ClusterScene.open>[0], more: object = {}) {
  const scene = await ClusterScene.open(t, {
    rollups: [BY_TYPE],
    nodes: [{ name: 'a', ...more }, { name: 'b' }, { name: 'c' }],
  });
  for (let partition = 0; partition < 4; partition++) {
    await scene.send(partition, eventsOf(partition, 100));
  }
  await scene.applied();
  await scene.commit(['a', 'b', 'c'], 0, 1, 2, 3);
  return scene;
}

const COUNT: TimeseriesRequest = { ...REQUEST, groupBy: [], measures: [{ op: 'count' }] };
const total = ({ series }: TimeseriesAnswer) =>
  series
    .flatMap(({ points }) => points)
    .reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
const ask = (node: TestNode) => node.queries.timeseries(COUNT);

test('partitions of a node that is gone are missing, and the others still count', async (t) => {
  const scene = await threeNodes(t);
  scene.assign({ a: [0, 1], b: [2, 3], c: [] });
  await scene.met();
  t.is(total(await ask(scene.node('c'))), 400);
  scene.node('b').kill();
  const answer = await ask(scene.node('c'));
  t.is(total(answer), 200);
  t.deepEqual(answer.missingPartitions, [2, 3]);
  t.false(answer.complete);
  t.is(answer.watermarkMs, null);
});

test('a partition that nobody has is missing', async (t) => {
  const scene = await threeNodes(t);
  scene.assign({ a: [0, 1], b: [2], c: [] });
  const answer = await ask(scene.node('a'));
  t.is(total(answer), 300);
  t.deepEqual(answer.missingPartitions, [3]);
  t.false(answer.complete);
});

test('a node that lags behind the others in what it knows of owners asks one that refuses', async (t) => {
  const scene = await threeNodes(t);
  scene.assign({ a: [0, 1], b: [2, 3], c: [] });
  scene.node('b').progress.owned[3] = 0;
  const answer = await ask(scene.node('c'));
  t.deepEqual(answer.missingPartitions, [3]);
  t.is(total(answer), 300);
});

test('a partition that comes to another node between asking and reading is asked for there', async (t) => {
  let moved = () => {};
  const served = (state: TestNode['scene']['state']): TestNode['scene']['state'] => ({
    ...state,
    page: (range, rowsMax) => {
      moved();
      return state.page(range, rowsMax);
    },
  });
  const scene = await threeNodes(t, { served });
  // What a has told of partition 1 is of more than b has come to.
  await scene.send(1, eventsOf(9, 50), ['b']);
  await scene.applied();
  scene.assign({ a: [0, 1], b: [2, 3], c: [] });
  let moves = 0;
  moved = () => {
    if (moves++ === 0) scene.assign({ a: [0], b: [1, 2, 3], c: [] });
  };
  const answer = await ask(scene.node('c'));
  t.true(moves > 0);
  t.is(total(answer), 400, 'all that b has of it, and nothing of what a had');
  t.deepEqual(answer.missingPartitions, []);
});

test('a node that dies while its rows are read leaves its partitions missing', async (t) => {
  let moved = () => {};
  const served = (state: TestNode['scene']['state']): TestNode['scene']['state'] => ({
    ...state,
    page: async (range, rowsMax) => {
      moved();
      return state.page(range, rowsMax);
    },
  });
  const scene = await threeNodes(t, { served });
  scene.assign({ a: [0, 1], b: [2, 3], c: [] });
  moved = () => scene.node('a').kill();
  const answer = await ask(scene.node('c'));
  t.deepEqual(answer.missingPartitions, [0, 1]);
  t.is(total(answer), 200);
});
