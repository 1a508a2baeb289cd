import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { Gate } from '../../src/query/gate.ts';

/** Tasks that note when they begin, and end one by one. */
function scene(gate: Gate) {
  const begun: string[] = [];
  const refused: string[] = [];
  const ends = new Map<string, () => void>();
  const settled = () => new Promise(setImmediate);
  return {
    begun,
    refused,
    /** `a1` is a task of `a`. */
    async ask(...names: string[]) {
      for (const name of names) {
        const task = gate.run(name.charAt(0), async () => {
          begun.push(name);
          await new Promise<void>((resolve) => ends.set(name, resolve));
        });
        task.catch((error) => {
          if (isFault(error, 'query_overload')) refused.push(name);
        });
      }
      await settled();
    },
    async end(...names: string[]) {
      for (const name of names) {
        ends.get(name)?.();
        await settled();
      }
    },
  };
}

test('so many work, so many wait in order, the next is refused', async (t) => {
  const gate = new Gate({ runningMax: 2, waitingMax: 2 });
  const { ask, end, begun, refused } = scene(gate);
  await ask('a0', 'a1', 'a2', 'a3', 'a4');
  t.deepEqual(begun, ['a0', 'a1']);
  t.deepEqual(refused, ['a4']);
  t.deepEqual([gate.running, gate.waiting], [2, 2]);
  await end('a1', 'a0', 'a2', 'a3');
  t.deepEqual(begun, ['a0', 'a1', 'a2', 'a3']);
  t.deepEqual([gate.running, gate.waiting], [0, 0]);
});

test('a task that fails leaves its place to the next', async (t) => {
  const gate = new Gate({ runningMax: 1, waitingMax: 1 });
  const failed = gate.run('a', () => Promise.reject(new Error('no')));
  const next = gate.run('a', async () => 'done');
  await t.throwsAsync(failed, { message: 'no' });
  t.is(await next, 'done');
});

test('those who wait are served in turns, however many tasks each has', async (t) => {
  const { ask, end, begun } = scene(new Gate({ runningMax: 1, waitingMax: 10 }));
  await ask('a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'c0');
  await end('a0', 'a1', 'b0', 'c0', 'a2', 'b1', 'a3');
  t.deepEqual(begun, ['a0', 'a1', 'b0', 'c0', 'a2', 'b1', 'a3']);
});

test('a free place goes to who has the fewest at work, among equals to who waits the longest', async (t) => {
  const { ask, end, begun } = scene(new Gate({ runningMax: 3, waitingMax: 10 }));
  await ask('a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1');
  await end('a0');
  t.deepEqual(begun.slice(3), ['b0']);
  await end('a1');
  t.deepEqual(begun.slice(4), ['a3']);
  await end('b0');
  t.deepEqual(begun.slice(5), ['b1']);
});

test('who fills all waiting places gives way to others, the newest first, until they have as many', async (t) => {
  const { ask, end, begun, refused } = scene(new Gate({ runningMax: 1, waitingMax: 4 }));
  await ask('a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1');
  t.deepEqual(refused, ['a4', 'a3']);
  await ask('b2');
  await ask('c0');
  t.deepEqual(refused, ['a4', 'a3', 'b2', 'a2']);
  await end('a0', 'a1', 'b0', 'c0', 'b1');
  t.deepEqual(begun, ['a0', 'a1', 'b0', 'c0', 'b1']);
});

test('nobody works in more places than one may have, and others find the rest free', async (t) => {
  const gate = new Gate({ runningMax: 3, waitingMax: 4, runningMaxEach: 2 });
  const { ask, end, begun } = scene(gate);
  await ask('a0', 'a1', 'a2', 'b0');
  t.deepEqual(begun, ['a0', 'a1', 'b0']);
  await ask('b1');
  await end('b0');
  t.deepEqual(begun.slice(3), ['b1']);
  await end('b1');
  t.deepEqual([gate.running, gate.waiting], [2, 1]);
  await end('a0');
  t.deepEqual(begun.slice(4), ['a2']);
});
