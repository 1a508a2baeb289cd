import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Ending, OnDemand } from '../../src/threads/on-demand.ts';

/** Notes what was started and ended; each ends when `letEnd` is called, or at once. */
function scene(t: ExecutionContext, { idleMs = 0, letEnd = () => Promise.resolve() } = {}) {
  const log: string[] = [];
  // Its own timer keeps no process alive.
  const alive = setInterval(() => undefined, 60_000);
  t.teardown(() => clearInterval(alive));
  const ended = Promise.withResolvers<void>();
  let count = 0;
  const demand = new OnDemand<Ending & { readonly name: string; hasEnded: boolean }>(() => {
    const name = `thread ${count++}`;
    log.push(`${name} starts`);
    return {
      name,
      hasEnded: false,
      close: async () => {
        log.push(`${name} is ended`);
        ended.resolve();
        await letEnd();
        log.push(`${name} has ended`);
      },
    };
  }, idleMs);
  return { demand, log, ended: ended.promise };
}

test('the first use starts it, and those at the same time share it', async (t) => {
  const { demand, log } = scene(t, { idleMs: 60_000 });
  t.is(demand.running, undefined);
  const names = await Promise.all([demand.use(({ name }) => name), demand.use(({ name }) => name)]);
  t.deepEqual(names, ['thread 0', 'thread 0']);
  t.deepEqual(log, ['thread 0 starts']);
  await demand.close();
});

test('it is ended when nobody has used it for a while, and not under a use', async (t) => {
  const { demand, log, ended } = scene(t);
  await demand.use(async () => {
    demand.keep();
    await demand.use(() => sleep(5));
    await sleep(5);
    t.deepEqual(log, ['thread 0 starts']);
  });
  await ended;
  t.is(demand.running, undefined);
});

test('the next one starts when the one before has ended', async (t) => {
  const gate = Promise.withResolvers<void>();
  const { demand, log, ended } = scene(t, { letEnd: () => gate.promise });
  demand.wake();
  await ended;
  const next = demand.use(({ name }) => name);
  await sleep(5);
  t.deepEqual(log, ['thread 0 starts', 'thread 0 is ended']);
  gate.resolve();
  t.is(await next, 'thread 1');
});

test('one that has ended by itself is replaced at the next use', async (t) => {
  const { demand } = scene(t, { idleMs: 60_000 });
  await demand.use((thread) => {
    thread.hasEnded = true;
  });
  t.is(demand.running, undefined);
  t.is(await demand.use(({ name }) => name), 'thread 1');
  await demand.close();
});

test('after its close nothing is started', async (t) => {
  const { demand, log } = scene(t, { idleMs: 60_000 });
  await demand.use(() => undefined);
  await demand.close();
  demand.wake();
  await t.throwsAsync(
    demand.use(() => undefined),
    { message: 'the server is stopping' },
  );
  t.deepEqual(log, ['thread 0 starts', 'thread 0 is ended', 'thread 0 has ended']);
});
