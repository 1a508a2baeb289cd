import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { StepAccumulator } from '../../src/aggregate/merge.ts';
import { AppError } from '../../src/model/errors.ts';
import type { PartialBucket, RollupTicks } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { PartialsFeed } from '../../src/query/partials-feed.ts';
import type { PartialsClient } from '../../src/query/ports.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import {
  BY_TYPE,
  GroupScene,
  NOW_MS,
  scratchDir,
  TENANT,
} from '../actors/partition/group-scene.ts';

const FROZEN: RollupDefinition = {
  ...BY_TYPE,
  name: 'alarm.default.clicks',
  measures: [{ op: 'count' }, { op: 'quantile', field: 'n' }],
  tenant: TENANT,
  frozen: true,
};
/** Always later than every bucket. */
const clock = { now: () => NOW_MS + 1e9 };

const never = () => new Promise<void>(() => {});

type ScanRows = Parameters<ReturnType<typeof storedRollups>['scanRows']>;

const clientOf = (scene: GroupScene, isDown = () => false): PartialsClient => ({
  partitions: scene.shared.partitions,
  partials: (partition, request) => {
    if (isDown() && partition === 1) throw new AppError('query_timeout', 'no answer');
    return scene.ask(partition, (replyTo) => ({ type: 'partials', request, replyTo }));
  },
});

function feedOf(scene: GroupScene, isDown?: () => boolean): PartialsFeed {
  const partitions = clientOf(scene, isDown);
  return new PartialsFeed({ partitions, stored: storedRollups(scene.state), clock, sleep: never });
}

/** The watermark of a partition, by an event of another stream. */
async function moveTo(scene: GroupScene, seconds: number, ...partitions: number[]): Promise<void> {
  const ts = NOW_MS + seconds * 1_000;
  for (const partition of partitions) {
    await scene.send(partition, [{ ts, type: 'tick' }], { arrivalMs: ts, stream: 'other' });
  }
  await scene.applied();
}

async function send(scene: GroupScene, partition: number, type: string, ...seconds: number[]) {
  const rows = seconds.map((second) => ({ ts: NOW_MS + second * 1_000, type, n: second }));
  const arrivalMs = Math.max(NOW_MS, ...rows.map(({ ts }) => ts));
  await scene.send(partition, rows, { arrivalMs });
  await scene.applied();
}

/** Polls until nothing new comes. */
async function pollAll(feed: PartialsFeed): Promise<RollupTicks[]> {
  const all: RollupTicks[] = [];
  for (let idle = 0; idle < 3; idle++) {
    const ticks = await feed.poll();
    all.push(...ticks);
    if (ticks.length > 0) idle = 0;
  }
  return all;
}

const bucketsOf = (ticks: readonly RollupTicks[]) => ticks.flatMap(({ buckets }) => buckets);

/** Second of the bucket -> labels and counts. */
function countsOf(
  buckets: readonly PartialBucket[],
  groups: RollupTicks['groups'] = [],
): Record<string, Record<string, number>> {
  const entries = buckets.map(({ bucketMs, rows }) => {
    const sum = new StepAccumulator(FROZEN);
    for (const { group, bytes, outputOf } of rows) sum.add(group, bytes, outputOf);
    const counts = sum.series().map((group): [string, number] => {
      const { value } = sum.answer(group, { measure: { op: 'count' } });
      return [String(groups[group]), value ?? 0];
    });
    return [(bucketMs - NOW_MS) / 1_000, Object.fromEntries(counts)];
  });
  return Object.fromEntries(entries);
}

/** What must be the same whenever and however it was read. */
const bytesOf = (buckets: readonly PartialBucket[]) =>
  buckets.map(({ bucketMs, rows }) => [
    bucketMs,
    rows.map(({ partition, group, bytes }) => [
      partition,
      group,
      Buffer.from(bytes).toString('hex'),
    ]),
  ]);

async function open(t: ExecutionContext, dir: string): Promise<GroupScene> {
  const scene = await GroupScene.open({ dir });
  t.teardown(() => scene.close().catch(() => {}));
  return scene;
}

test('a bucket is handed out once, when every partition has closed it, with one group per labels', async (t) => {
  const scene = await open(t, await scratchDir(t));
  await scene.declare([FROZEN]);
  await send(scene, 0, 'view', 0, 0.5);
  await send(scene, 0, 'click', 0.7);
  await send(scene, 1, 'click', 0.2, 2);
  const feed = feedOf(scene);
  feed.follow(FROZEN);
  t.deepEqual(bucketsOf(await pollAll(feed)), [], 'only what lies before it is closed');
  await moveTo(scene, 13, 0, 1);
  const ticks = await pollAll(feed);
  t.deepEqual(countsOf(bucketsOf(ticks), ticks.at(-1)?.groups), {
    0: { view: 2, click: 2 },
    2: { click: 1 },
  });
  t.is(ticks[0]?.sinceMs, NOW_MS);
  t.is(ticks.at(-1)?.closedToMs, NOW_MS + 3_000);
  await send(scene, 0, 'buy', 14);
  await moveTo(scene, 30, 0);
  t.deepEqual(await pollAll(feed), [], 'one partition has not come there');
  await moveTo(scene, 26, 1);
  const later = await pollAll(feed);
  t.deepEqual(countsOf(bucketsOf(later), later.at(-1)?.groups), { 14: { buy: 1 } });
  t.is(later[0]?.fromMs, NOW_MS + 3_000);
  t.is(later.at(-1)?.closedToMs, NOW_MS + 16_000);
});

test('rows are the same from memory, from the store, after late events and after a restart', async (t) => {
  const dir = await scratchDir(t);
  const scene = await open(t, dir);
  await scene.declare([FROZEN]);
  const feed = feedOf(scene);
  feed.follow(FROZEN);
  const told: PartialBucket[] = [];
  for (let second = 0; second < 60; second++) {
    await send(scene, second % 2, second % 3 === 0 ? 'view' : 'click', second, second + 0.5);
    if (second % 7 === 0) told.push(...bucketsOf(await pollAll(feed)));
    if (second % 20 === 19) await scene.commit(0, 1);
  }
  await moveTo(scene, 75, 0, 1);
  told.push(...bucketsOf(await pollAll(feed)));
  t.is(told.length, 60);
  await send(scene, 0, 'late', 3, 40);
  const again = feedOf(scene);
  again.follow(FROZEN, NOW_MS);
  t.deepEqual(bytesOf(bucketsOf(await pollAll(again))), bytesOf(told));

  t.is(await again.history(FROZEN.name, 60_000, NOW_MS, NOW_MS + 60_000), undefined);
  await scene.commit(0, 1);
  await moveTo(scene, 80, 0, 1);
  await pollAll(again);
  const minute = await again.history(FROZEN.name, 60_000, NOW_MS, NOW_MS + 60_000);
  t.deepEqual(countsOf(minute?.buckets ?? [], minute?.groups), { 0: { view: 40, click: 80 } });
  await scene.close();

  const second = await open(t, dir);
  const restarted = feedOf(second);
  restarted.follow(FROZEN, NOW_MS + 10_000);
  const ticks = await pollAll(restarted);
  t.deepEqual(bytesOf(bucketsOf(ticks)), bytesOf(told.slice(10)));
  const stored = await restarted.history(FROZEN.name, 60_000, NOW_MS, NOW_MS + 60_000);
  t.deepEqual(bytesOf(stored?.buckets ?? []), bytesOf(minute?.buckets ?? []));
});

test('a partition that comes to a node that is behind tells nothing twice, and its stored rows are not taken for whole', async (t) => {
  const dir = await scratchDir(t);
  const [ahead, behind] = [await open(t, join(dir, 'a')), await open(t, join(dir, 'b'))];
  for (const each of [ahead, behind]) await each.declare([FROZEN]);
  let [owner, epoch] = [ahead, 1];
  // As the two of a cluster that have the partitions in turn.
  const partitions: PartialsClient = {
    partitions: 2,
    nodes: { ownerEpoch: () => epoch, nodeOf: () => undefined, endAgeMs: () => 0 },
    partials: (partition, request, ms) => clientOf(owner).partials(partition, request, ms),
  };
  const stored = { scanRows: (...scan: ScanRows) => storedRollups(owner.state).scanRows(...scan) };
  const feed = new PartialsFeed({ partitions, stored, clock, sleep: never });
  feed.follow(FROZEN, NOW_MS);
  const both = async (work: (scene: GroupScene) => Promise<void>) => {
    for (const each of [ahead, behind]) await work(each);
  };
  for (const second of [1, 11, 21]) await both((each) => send(each, second % 2, 'click', second));
  await send(ahead, 0, 'click', 31);
  await moveTo(ahead, 75, 0, 1);
  const told = await pollAll(feed);
  await ahead.commit(0, 1);
  await moveTo(ahead, 80, 0, 1);
  told.push(...(await pollAll(feed)));
  const minute = () => feed.history(FROZEN.name, 60_000, NOW_MS, NOW_MS + 60_000);
  const expected = { 0: { click: 4 } };
  const whole = await minute();
  t.deepEqual(countsOf(whole?.buckets ?? [], whole?.groups), expected);

  [owner, epoch] = [behind, 2];
  t.is(await minute(), undefined, 'what the other one has stored is not known');
  t.deepEqual(await pollAll(feed), []);
  t.is(await minute(), undefined, 'it has not come to the end of the minute');
  await send(behind, 0, 'click', 31);
  await moveTo(behind, 75, 0, 1);
  await behind.commit(0, 1);
  await both((each) => send(each, 1, 'click', 82));
  await moveTo(behind, 100, 0, 1);
  told.push(...(await pollAll(feed)));
  const counts = told.flatMap((ticks) => ticks.buckets.map(({ bucketMs }) => bucketMs - NOW_MS));
  t.deepEqual(counts, [1_000, 11_000, 21_000, 31_000, 82_000]);
  const again = await minute();
  t.deepEqual(countsOf(again?.buckets ?? [], again?.groups), expected);
});

test('a partition that does not answer stalls and fails nothing; nor does one with another definition', async (t) => {
  const scene = await open(t, await scratchDir(t));
  await scene.declare([BY_TYPE]);
  let isDown = true;
  const feed = feedOf(scene, () => isDown);
  feed.follow(FROZEN);
  await moveTo(scene, 5, 0, 1);
  t.deepEqual(await pollAll(feed), []);
  isDown = false;
  t.deepEqual(await pollAll(feed), [], 'it is not declared yet');
  await scene.declare([BY_TYPE, FROZEN], 2);
  await send(scene, 0, 'view', 6);
  await moveTo(scene, 20, 0, 1);
  isDown = true;
  t.deepEqual(await pollAll(feed), []);
  isDown = false;
  const ticks = await pollAll(feed);
  t.is(ticks[0]?.sinceMs, NOW_MS + 5_000, 'the watermark where it was declared');
  t.deepEqual(countsOf(bucketsOf(ticks), ticks.at(-1)?.groups), { 6: { view: 1 } });
});

test('events in the rest of the step in which a rollup is declared are in its rows, and those that are not late', async (t) => {
  const scene = await open(t, await scratchDir(t));
  await scene.declare([BY_TYPE]);
  await moveTo(scene, 15.4, 0, 1);
  await send(scene, 0, 'view', 15.4);
  await scene.declare([BY_TYPE, FROZEN], 2);
  const feed = feedOf(scene);
  feed.follow(FROZEN);
  await send(scene, 0, 'click', 15.7, 15.8, 5.5);
  await moveTo(scene, 40, 0, 1);
  const ticks = await pollAll(feed);
  t.is(ticks[0]?.sinceMs, NOW_MS + 16_000, 'from there on it has all of them');
  const counts = countsOf(bucketsOf(ticks), ticks.at(-1)?.groups);
  t.deepEqual(counts, { 5: { click: 1 }, 15: { click: 2 } });
});

test('a partition that is slow to answer holds up no poll, and is not asked again meanwhile', async (t) => {
  const scene = await open(t, await scratchDir(t));
  await scene.declare([FROZEN]);
  await send(scene, 0, 'view', 1);
  await moveTo(scene, 20, 0, 1);
  const client = clientOf(scene);
  const { promise: answering, resolve: answer } = Promise.withResolvers<void>();
  let asked = 0;
  const feed = new PartialsFeed({
    partitions: {
      partitions: 2,
      async partials(partition, ...rest) {
        if (partition === 1 && ++asked === 1) await answering;
        return client.partials(partition, ...rest);
      },
    },
    stored: storedRollups(scene.state),
    clock,
    sleep: async () => {},
  });
  feed.follow(FROZEN);
  for (let poll = 0; poll < 3; poll++) t.deepEqual(await feed.poll(), []);
  t.is(asked, 1);
  answer();
  const ticks: RollupTicks[] = [];
  while ((ticks.at(-1)?.closedToMs ?? 0) < NOW_MS + 10_000) {
    ticks.push(...(await feed.poll()));
    await setImmediate();
  }
  t.deepEqual(countsOf(bucketsOf(ticks), ticks.at(-1)?.groups), { 1: { view: 1 } });
});

test('rows that a stop has made old are there for whoever reads on, and go once they are behind it', async (t) => {
  const dir = await scratchDir(t);
  const first = await open(t, dir);
  await first.declare([FROZEN]);
  for (const partition of [0, 1]) await send(first, partition, 'view', 1, 20, 40);
  const before = feedOf(first);
  before.follow(FROZEN);
  await pollAll(before);
  before.release(FROZEN.name, NOW_MS + 10_000);
  await pollAll(before);
  await first.commit(0, 1);
  await first.close();

  const second = await open(t, dir);
  await moveTo(second, 5 * 3_600, 0, 1);
  await second.commit(0, 1);
  const after = feedOf(second);
  after.follow(FROZEN, NOW_MS + 10_000);
  const ticks = await pollAll(after);
  t.deepEqual(countsOf(bucketsOf(ticks), ticks.at(-1)?.groups), {
    20: { view: 2 },
    40: { view: 2 },
  });

  after.release(FROZEN.name, NOW_MS + 5 * 3_600_000);
  await moveTo(second, 5 * 3_600 + 60, 0, 1);
  await pollAll(after);
  await moveTo(second, 5 * 3_600 + 61, 0, 1);
  await second.commit(0, 1);
  const left: number[] = [];
  const scan = { partition: 0, tenant: TENANT, rollup: FROZEN.name, stepMs: 1_000, group: 0 };
  await storedRollups(second.state).scanRows(
    { ...scan, fromMs: 0, toMs: NOW_MS + 3_600_000 },
    (bucketMs) => left.push(bucketMs),
  );
  t.deepEqual(left, [], 'they are an hour behind what is needed');
});

test('a rollup that means other rows begins anew, and is followed from there', async (t) => {
  const scene = await open(t, await scratchDir(t));
  await scene.declare([FROZEN]);
  await send(scene, 0, 'view', 1);
  await moveTo(scene, 20, 0, 1);
  await scene.declare([], 2);
  await send(scene, 0, 'click', 21);
  await moveTo(scene, 30, 0, 1);
  await scene.declare([FROZEN], 3);
  await send(scene, 0, 'buy', 31);
  await send(scene, 1, 'view', 32);
  await moveTo(scene, 50, 0, 1);
  const feed = feedOf(scene);
  feed.follow(FROZEN, NOW_MS);
  const ticks = await pollAll(feed);
  t.is(ticks[0]?.sinceMs, NOW_MS + 30_000);
  const counts = countsOf(bucketsOf(ticks), ticks.at(-1)?.groups);
  t.deepEqual(counts, { 31: { buy: 1 }, 32: { view: 1 } });
});
