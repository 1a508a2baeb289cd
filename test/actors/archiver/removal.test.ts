/** What becomes of files that are removed, and of hours that are too old. */
import test from 'ava';
import { Deletion } from '../../../actors/archiver/deletion.ts';
import { keptMs, Retention } from '../../../actors/archiver/retention.ts';
import { AppError } from '../../../src/model/errors.ts';
import { DAY_MS, HOUR_MS } from '../../../src/model/units.ts';
import { silent } from '../../storage/archive/silent.ts';
import { archiveScene, namesOf, SHOP } from './archive-scene.ts';

const KEPT_MS = 60_000;

async function scene(...[t]: Parameters<typeof archiveScene>) {
  const here = await archiveScene(t);
  const { clock, hours } = here;
  const hive: { version: number | undefined } = { version: undefined };
  const deletionOf = () =>
    new Deletion({ hours, keptMs: KEPT_MS, hiveVersion: () => hive.version, clock });
  const remove = () =>
    hours.replace({ change: 'retention', add: [], remove: [...hours.manifest.files.keys()] });
  return { ...here, hive, deletionOf, remove };
}

test('removed files are deleted when their time is over, and the manifest forgets them', async (t) => {
  const { clock, hours, cut, visible, deletionOf, remove } = await scene(t);
  await cut(0, 1);
  await cut(0, 1);
  await remove();
  const deletion = deletionOf();
  t.is(deletion.dueMs(clock.ms), clock.ms + KEPT_MS);
  t.like(deletion.counts, { filesRemoved: 2, filesDeleted: 0 });
  clock.ms += KEPT_MS;
  await deletion.step();
  t.deepEqual(await visible(), []);
  t.like(deletion.counts, { filesRemoved: 0, filesDeleted: 2 });
  t.is(hours.manifest.removed.size, 0);
  t.is(deletion.dueMs(clock.ms), Number.POSITIVE_INFINITY);
});

test('where Hive is told they stay until it was, and their time begins then', async (t) => {
  const { clock, hours, cut, visible, hive, deletionOf, remove } = await scene(t);
  hive.version = 1;
  await cut(0, 1);
  await remove();
  const deletion = deletionOf();
  t.is(deletion.dueMs(clock.ms), Number.POSITIVE_INFINITY);
  clock.ms += DAY_MS;
  t.is(deletion.dueMs(clock.ms), Number.POSITIVE_INFINITY);
  const { version } = hours.manifest;
  hive.version = version;
  t.is(deletion.dueMs(clock.ms), clock.ms + KEPT_MS);
  t.is((await visible()).length, 1);
  clock.ms += KEPT_MS;
  await deletion.step();
  t.is((await visible()).length, 0);
});

test('removed files stay as long as somebody reads who began before that', async (t) => {
  const { clock, hours, cut, visible, remove } = await scene(t);
  let readingSinceMs = clock.ms;
  const deletion = new Deletion({
    hours,
    keptMs: KEPT_MS,
    hiveVersion: () => undefined,
    readingSinceMs: () => readingSinceMs,
    clock,
  });
  await cut(0, 1);
  await remove();
  clock.ms += DAY_MS;
  t.is(deletion.dueMs(clock.ms), Number.POSITIVE_INFINITY);
  await deletion.step();
  t.is((await visible()).length, 1);
  // The next one that began cannot have seen them.
  readingSinceMs = clock.ms;
  t.true(deletion.dueMs(clock.ms) <= clock.ms);
  await deletion.step();
  t.is((await visible()).length, 0);
});

test('an archive that lets nobody delete keeps nothing else, and is asked again', async (t) => {
  const { archive, clock, hours, cut, visible, deletionOf, remove } = await scene(t);
  await cut(0, 1);
  await cut(0, 1);
  await remove();
  const deletion = deletionOf();
  deletion.dueMs(clock.ms);
  clock.ms += KEPT_MS;
  const { remove: allowed } = archive;
  archive.remove = async (path) => {
    if (path.includes('p0-00000000000000000000-')) return allowed(path);
    throw new AppError('archive_denied', 'planted');
  };
  await deletion.step();
  t.is(deletion.numbers().problem, 'removed files: planted');
  t.is(deletion.dueMs(clock.ms), clock.ms + 60_000);
  archive.remove = allowed;
  clock.ms += 60_000;
  while (deletion.dueMs(clock.ms) <= clock.ms) await deletion.step();
  t.is(hours.manifest.removed.size, 0);
  t.deepEqual(await visible(), []);
  t.is(deletion.numbers().problem, undefined);
});

test('what was removed before a start waits for Hive too', async (t) => {
  const { clock, hours, cut, hive, deletionOf, remove } = await scene(t);
  await cut(0, 1);
  await remove();
  await cut(0, 1);
  hive.version = hours.manifest.version - 1;
  const deletion = deletionOf();
  t.is(deletion.dueMs(clock.ms), Number.POSITIVE_INFINITY);
  hive.version = hours.manifest.version;
  t.is(deletion.dueMs(clock.ms), clock.ms + KEPT_MS);
});

test('hours go when they are older than their stream keeps them', async (t) => {
  const { clock, hours, cut } = await scene(t);
  for (const hour of [0, 0, 1, 5]) await cut(hour, 1);
  const retention = new Retention(hours, { keepMs: DAY_MS, overrides: [] }, clock, silent);
  const dueMs = clock.ms + HOUR_MS + DAY_MS;
  t.is(retention.dueMs(), dueMs);
  clock.ms = dueMs + HOUR_MS;
  await retention.step();
  t.deepEqual(
    namesOf(hours).map((name) => name.slice(0, 7)),
    ['hour=13'],
  );
  t.is(retention.hoursExpired, 2);
  t.is(retention.dueMs(), dueMs + 5 * HOUR_MS);
});

test('a stream is kept as the first override says that fits it', (t) => {
  const overrides = [
    { tenant: 'default', stream: 'audit' },
    { stream: 'shop', keepMs: 5 },
    { tenant: 'default', keepMs: 7 },
  ];
  const kept = (tenant: string, stream: string) =>
    keptMs({ tenant, stream }, { keepMs: 3, overrides });
  t.is(kept('default', 'audit'), Number.POSITIVE_INFINITY);
  t.is(kept('acme', 'shop'), 5);
  t.is(kept('default', 'web'), 7);
  t.is(kept('acme', 'web'), 3);
  t.is(keptMs(SHOP, { overrides: [] }), Number.POSITIVE_INFINITY);
});
