import test from 'ava';
import type { Health } from '../../src/query/health.ts';
import { HealthUpdates } from '../../src/query/health-updates.ts';
import { HEALTH_EVERY_MS, HEALTH_SUBSCRIBERS_MAX } from '../../src/query/limits.ts';

/** A port that tells how often it was asked, and a scheduler that calls back when told to. */
function watched() {
  const due: { ms: number; callback: () => void }[] = [];
  let reads = 0;
  const port = {
    read: async () => healthAt(++reads),
  };
  const after = (ms: number, callback: () => void) => {
    const timer = { ms, callback };
    due.push(timer);
    return () => void due.splice(due.indexOf(timer), 1);
  };
  const updates = new HealthUpdates(port, { after });
  return { updates, due, port, reads: () => reads, tick: () => due.shift()?.callback() };
}

const healthAt = (atMs: number): Health => ({
  ...{ atMs, problems: [], eventsAccepted: 0, eventsRejected: 0, logBytes: 0, logBytesMax: null },
  ...{ logRefusal: null, spooling: null, diskFreeBytes: null, diskReserveBytes: 0 },
  ...{ archiveProblem: null, actors: [], partitions: [] },
});

const timeOf = async (updates: AsyncIterator<Health>) => (await updates.next()).value?.atMs;

test('all who watch share one look, at once and then every second', async (t) => {
  const { updates, due, reads, tick } = watched();
  const [one, other] = [updates.subscribe(), updates.subscribe()];
  t.deepEqual([await timeOf(one), await timeOf(other)], [1, 1]);
  t.is(due[0]?.ms, HEALTH_EVERY_MS);
  tick();
  t.deepEqual([await timeOf(one), await timeOf(other)], [2, 2]);
  t.is(reads(), 2);
});

test('who reads slowly gets the newest only', async (t) => {
  const { updates, tick } = watched();
  const [quick, slow] = [updates.subscribe(), updates.subscribe()];
  t.is(await timeOf(slow), 1);
  for (const at of [1, 2, 3]) {
    t.is(await timeOf(quick), at);
    tick();
  }
  t.is(await timeOf(quick), 4);
  t.is(await timeOf(slow), 4);
});

test('nobody looks while nobody watches, and who comes then sees how it is then', async (t) => {
  const { updates, due, reads } = watched();
  const first = updates.subscribe();
  t.is(await timeOf(first), 1);
  await first.return?.();
  t.deepEqual([due.length, reads(), updates.subscribers], [0, 1, 0]);
  t.is(await timeOf(updates.subscribe()), 2);
});

test('who leaves while waiting is not kept', async (t) => {
  const { updates } = watched();
  const watcher = updates.subscribe();
  await watcher.next();
  const waiting = watcher.next();
  await watcher.return?.();
  t.true((await waiting).done);
});

test('a look that fails ends those who watch with the error, and the next one looks anew', async (t) => {
  const { updates, port } = watched();
  const { read } = port;
  port.read = () => Promise.reject(new Error('broken'));
  await t.throwsAsync(updates.subscribe().next(), { message: 'broken' });
  port.read = read;
  t.is(await timeOf(updates.subscribe()), 1);
});

test('one too many is refused', (t) => {
  const { updates } = watched();
  for (let i = 0; i < HEALTH_SUBSCRIBERS_MAX; i++) updates.subscribe();
  t.throws(() => updates.subscribe(), { message: /has 200 subscriptions to its health/ });
  updates.close();
  t.is(updates.subscribers, 0);
});
