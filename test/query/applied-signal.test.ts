import test from 'ava';
import { AppliedSignal } from '../../src/query/applied-signal.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setUp() {
  let waits = 0;
  let moved = Promise.withResolvers<void>();
  const timers: (() => void)[] = [];
  const signal = new AppliedSignal(
    () => {
      waits++;
      return moved.promise;
    },
    {
      after(_ms, callback) {
        timers.push(callback);
        return () => {};
      },
    },
  );
  const move = async () => {
    moved.resolve();
    moved = Promise.withResolvers();
    await settled();
  };
  const restIsOver = async () => {
    timers.shift()?.();
    await settled();
  };
  return { signal, move, restIsOver, waits: () => waits, resting: () => timers.length };
}

test('however often offsets move during a rest, listeners are called once after it', async (t) => {
  const { signal, move, restIsOver } = setUp();
  let calls = 0;
  signal.listen(() => calls++);
  await move();
  await move();
  t.is(calls, 0);
  await restIsOver();
  t.is(calls, 1);
  await move();
  await restIsOver();
  t.is(calls, 2);
});

test('nothing waits while nobody listens, and listening again works', async (t) => {
  const { signal, move, restIsOver, waits, resting } = setUp();
  t.is(waits(), 0);
  let calls = 0;
  const stop = signal.listen(() => calls++);
  stop();
  await move();
  await restIsOver();
  t.is(calls, 0);
  t.is(resting(), 0);
  const before = waits();
  signal.listen(() => calls++);
  t.is(waits(), before + 1);
  await move();
  await restIsOver();
  t.is(calls, 1);
});
