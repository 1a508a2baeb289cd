import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { Gate } from '../../src/query/gate.ts';

test('so many work, so many wait in order, the next is refused', async (t) => {
  const gate = new Gate(2, 2);
  const order: number[] = [];
  const works = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const runs = works.map(({ promise }, i) =>
    gate.run(async () => {
      order.push(i);
      await promise;
    }),
  );
  await new Promise(setImmediate);
  t.deepEqual(order, [0, 1]);
  t.true(isFault(await t.throwsAsync(gate.run(async () => {})), 'query_overload'));
  works[1]?.resolve();
  await runs[1];
  await new Promise(setImmediate);
  t.deepEqual(order, [0, 1, 2]);
  for (const { resolve } of works) resolve();
  await Promise.all(runs);
  t.deepEqual(order, [0, 1, 2, 3]);
});

test('a task that fails leaves its place to the next', async (t) => {
  const gate = new Gate(1, 1);
  const failed = gate.run(() => Promise.reject(new Error('no')));
  const next = gate.run(async () => 'done');
  await t.throwsAsync(failed, { message: 'no' });
  t.is(await next, 'done');
});
