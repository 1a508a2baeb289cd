import { setImmediate as turn } from 'node:timers/promises';
import test from 'ava';
import { Turns } from '../../src/model/turns.ts';

test('work on one thing is done in the order of the calls, that on another does not wait', async (t) => {
  const turns = new Turns<string>();
  const done: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = turns.take('a', async () => {
    await gate.promise;
    done.push('first');
  });
  const second = turns.take('a', async () => void done.push('second'));
  await turns.take('b', async () => void done.push('other'));
  await turn();
  t.deepEqual(done, ['other']);
  gate.resolve();
  await Promise.all([first, second]);
  t.deepEqual(done, ['other', 'first', 'second']);
});

test('work that fails says so to its caller alone', async (t) => {
  const turns = new Turns<string>();
  const failing = turns.take('a', async () => Promise.reject(new Error('no')));
  const next = turns.take('a', async () => {});
  await t.throwsAsync(failing, { message: 'no' });
  await t.notThrowsAsync(next);
  await t.notThrowsAsync(turns.settled());
});
