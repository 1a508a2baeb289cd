import test from 'ava';
import { AppError } from '../../../src/model/errors.ts';
import { ColdGate } from '../../../src/query/cold/cold-gate.ts';
import { COLD_WAITING_MAX } from '../../../src/query/cold/limits.ts';

const settled = () => new Promise(setImmediate);

test('a tenant that asks without end leaves a place at work, and waiting places, to another', async (t) => {
  const gate = new ColdGate({ concurrency: 2, isShared: true });
  const end = Promise.withResolvers<void>();
  const asked = Array.from({ length: COLD_WAITING_MAX + 10 }, () =>
    gate.run('sql', 'greedy', () => end.promise).catch((error) => error.code),
  );
  await settled();
  t.like(gate.numbers(), { running: 1, waiting: COLD_WAITING_MAX });
  t.is(await gate.run('event', 'calm', async () => 'at once'), 'at once');
  const held = Promise.withResolvers<string>();
  const atWork = gate.run('events', 'calm', () => held.promise);
  const inLine = gate.run('events', 'calm', async () => 'after that');
  held.resolve('at work');
  t.deepEqual(await Promise.all([atWork, inLine]), ['at work', 'after that']);
  end.resolve();
  const refused = (await Promise.all(asked)).filter((code) => code === 'query_overload');
  t.is(refused.length, 10);
});

test('one tenant alone has all places', async (t) => {
  const gate = new ColdGate({ concurrency: 2, isShared: false });
  const end = Promise.withResolvers<void>();
  const asked = [1, 2].map(() => gate.run('sql', 'only', () => end.promise));
  await settled();
  t.is(gate.numbers().running, 2);
  end.resolve();
  await Promise.all(asked);
});

test('what became of questions is counted by kind', async (t) => {
  const gate = new ColdGate({ concurrency: 1, isShared: false });
  const fails = (error: Error) => gate.run('sql', 'a', () => Promise.reject(error));
  await gate.run('events', 'a', async () => 'answered');
  await t.throwsAsync(fails(new AppError('query_timeout', 'too long')));
  await t.throwsAsync(fails(new AppError('query_invalid', 'no such column')));
  await t.throwsAsync(fails(new Error('a bug')));
  const { kinds, waits } = gate.numbers();
  const none = { answered: 0, refused: 0, timeout: 0, invalid: 0, failed: 0 };
  t.deepEqual(kinds.events.outcomes, { ...none, answered: 1 });
  t.deepEqual(kinds.sql.outcomes, { ...none, timeout: 1, invalid: 1, failed: 1 });
  const count = (buckets: readonly number[]) => buckets.reduce((sum, each) => sum + each, 0);
  t.deepEqual([count(kinds.sql.works.buckets), count(waits.buckets)], [3, 4]);
});
