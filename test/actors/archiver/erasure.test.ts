import test, { type ExecutionContext } from 'ava';
import { Compaction } from '../../../actors/archiver/compaction.ts';
import { ErasureWork } from '../../../actors/archiver/erasure.ts';
import { ErasureJobs, type ErasureTarget } from '../../../actors/archiver/erasure-jobs.ts';
import { PutOff } from '../../../actors/archiver/work.ts';
import type { ArchiveIntent } from '../../../src/model/erasure.ts';
import { silent } from '../../storage/archive/silent.ts';
import { archiveScene, namesOf } from './archive-scene.ts';

type Told = ['intended', ArchiveIntent] | ['settled', boolean];

async function scene(t: ExecutionContext) {
  const here = await archiveScene(t);
  const putOff = new PutOff();
  const jobs = new ErasureJobs();
  const told: Told[] = [];
  const keeper = {
    intended: async (_: string, intent: ArchiveIntent) => void told.push(['intended', intent]),
    settled: async (_: string, isMade: boolean) => void told.push(['settled', isMade]),
  };
  const tools = { tools: here.tools, putOff, clock: here.clock, log: silent };
  const work = () => new ErasureWork({ ...tools, jobs });
  const add = (target: Partial<ErasureTarget>, intent?: ArchiveIntent) =>
    jobs.add(
      {
        ...{ id: 'x', tenant: 'default', field: 'id', value: '', arrivedBeforeMs: 0 },
        before: Number.MAX_SAFE_INTEGER,
        counted: [],
        ...target,
      },
      intent,
      keeper,
    );
  const run = async (erasure = work()) => {
    while (erasure.dueMs() <= here.clock.ms) await erasure.step();
  };
  return { ...here, putOff, jobs, told, add, work, run, compactionTools: tools };
}

test('only hours that hold the value are rewritten, and nothing else is lost', async (t) => {
  const { hours, cut, counted, visible, told, add, run } = await scene(t);
  await cut(0, 10);
  await cut(0, 10, 1);
  await cut(1, 10);
  const done = add({ value: 'e100-3' });
  await run();
  await done;
  t.deepEqual(await counted(), { rows: 29, places: 29 });
  t.deepEqual(
    namesOf(hours).map((name) => name.split('/')[0]),
    ['hour=08-c5', 'hour=08-c5', 'hour=09'],
  );
  t.is((await visible()).length, 5, 'removed files stay for their readers');
  t.is(told.length, 2);
  const [[, intent], settled] = told as [Told, Told];
  t.like(intent, { stream: 'shop', files: 1, rows: 1, uncounted: [[1, 1]] });
  t.deepEqual(settled, ['settled', true]);
});

test('what no file holds changes nothing', async (t) => {
  const { committer, cut, told, add, run } = await scene(t);
  await cut(0, 10);
  const { version } = committer.manifest;
  const asked = [
    { value: 'nobody' },
    { value: 'e0-3', tenant: 'another' },
    { value: 'e0-3', stream: 'web' },
    { value: 'e0-3', before: 0 },
  ];
  for (const [i, target] of asked.entries()) {
    const done = add({ id: String(i), ...target });
    await run();
    await done;
  }
  t.is(committer.manifest.version, version);
  t.deepEqual(told, []);
});

test('an hour of which nothing is left has no files', async (t) => {
  const { hours, cut, add, run, told } = await scene(t);
  await cut(0, 10);
  const done = add({ field: 'type', value: 'look' });
  await run();
  await done;
  t.is(hours.manifest.files.size, 0);
  t.like(told[0]?.[1], { rows: 10, uncounted: [[0, 10]], files: 1 });
  t.deepEqual(told[1], ['settled', true]);
});

test('what was counted in the log is not counted again', async (t) => {
  const { cut, counted, add, run, told } = await scene(t);
  for (const partition of [0, 1, 0]) await cut(0, 10, partition);
  const stretches = [
    [0, 50],
    [150, 250],
  ] as const;
  const done = add({ field: 'type', value: 'look', before: 250, counted: stretches });
  await cut(0, 5);
  await run();
  await done;
  t.is((await counted()).rows, 5);
  t.like(told[0]?.[1], {
    rows: 30,
    uncounted: [
      [0, 0],
      [1, 10],
    ],
  });
});

test('a version of which nobody knows is settled by what the archive holds', async (t) => {
  const { hours, cut, add, run, told, work, counted } = await scene(t);
  for (const hour of [0, 1, 2]) await cut(hour, 10);
  const settledOf = async (id: string, target: Partial<ErasureTarget>, intent: ArchiveIntent) => {
    told.length = 0;
    const done = add({ id, ...target }, intent);
    await run();
    await done;
    return told;
  };
  const nowhere = 'tenant=default/stream=shop/dt=2026-11-21/hour=08-c99/c0.parquet';
  const some = { field: 'id', value: 'e0-3' };
  const done = add({ id: 'some', ...some });
  const erasure = work();
  while (told.length === 0) await erasure.step();
  const made = told[0]?.[1] as ArchiveIntent;
  await run(erasure);
  await done;
  t.deepEqual(await settledOf('made', some, made), [['settled', true]]);
  t.deepEqual(await settledOf('not made', some, { ...made, adds: nowhere }), [['settled', false]]);

  const removes = [...hours.manifest.files.keys()].find((path) => path.includes('/hour=09/')) ?? '';
  const hour = { field: 'type', value: 'look', before: 0 };
  const intent = { ...made, adds: undefined, removes };
  t.deepEqual(await settledOf('hour', hour, intent), [['settled', false]]);
  t.deepEqual(await settledOf('no hour', hour, { ...intent, removes: nowhere }), [
    ['settled', true],
  ]);
  t.is((await counted()).rows, 29);
});

test('what became of a version is found out at once, though the erasure is put off', async (t) => {
  const { hours, cut, clock, add, jobs, told, work, putOff } = await scene(t);
  await cut(0, 10);
  const [removes = ''] = hours.manifest.files.keys();
  const intent = { stream: 'shop', hourMs: 0, adds: undefined, removes, files: 1, rows: 10 };
  void add({ field: 'type', value: 'look' }, { ...intent, uncounted: [] });
  const erasure = work();
  putOff.failed('erasure x', clock.ms, new Error('no answer'));
  await erasure.step();
  t.deepEqual(told, [['settled', false]]);
  t.is(jobs.current?.intent, undefined);
  t.true(erasure.dueMs() > clock.ms);
});

test('an hour that is taken out of the archive before it is rewritten is left alone', async (t) => {
  const { hours, cut, add, work, run, told } = await scene(t);
  await cut(0, 10);
  const done = add({ field: 'type', value: 'look' });
  const erasure = work();
  await erasure.step();
  const remove = [...hours.manifest.files.keys()];
  await hours.replace({ change: 'retention', add: [], remove });
  await run(erasure);
  await done;
  t.deepEqual(told, []);
});

test('compaction in the middle of an erasure takes nothing past it', async (t) => {
  const { cut, counted, add, jobs, work, told, hours, compactionTools } = await scene(t);
  for (let i = 0; i < 3; i++) await cut(0, 10);
  const done = add({ field: 'type', value: 'look', before: 150 });
  const erasure = work();
  const compaction = new Compaction({
    ...compactionTools,
    policy: { enabled: true, fileBytes: 1_000_000, afterMs: 60_000 },
  });
  await erasure.step();
  await erasure.step();
  compaction.demand();
  while (compaction.isDemanded) await compaction.step();
  t.is(hours.manifest.files.size, 1);
  while (jobs.current !== undefined) await erasure.step();
  await done;
  t.deepEqual(await counted(), { rows: 10, places: 10 });
  t.deepEqual(
    told.map(([name, what]) => [name, name === 'settled' ? what : 0]),
    [
      ['intended', 0],
      ['settled', false],
      ['intended', 0],
      ['settled', true],
    ],
  );
});

test('an erasure that fails is put off and tried again', async (t) => {
  const { tools, cut, counted, clock, add, work, putOff, run } = await scene(t);
  await cut(0, 10);
  const done = add({ value: 'e0-3' });
  const erasure = work();
  const { openDuck } = tools;
  tools.openDuck = async () => {
    throw new Error('no memory');
  };
  await erasure.step();
  t.regex(putOff.problem ?? '', /no memory/);
  t.regex(erasure.numbers().problem ?? '', /no memory/);
  t.true(erasure.dueMs() > clock.ms);
  tools.openDuck = openDuck;
  clock.ms = erasure.dueMs();
  await run(erasure);
  await done;
  t.is((await counted()).rows, 9);
  t.is(erasure.numbers().problem, undefined);
});
