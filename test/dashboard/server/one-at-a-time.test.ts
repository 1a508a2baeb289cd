import test from 'ava';
import { askOneAtATime } from '../../../src/dashboard/server/one-at-a-time.ts';

/** A question whose answers are given by hand. */
function asked() {
  const waiting: PromiseWithResolvers<string>[] = [];
  const told: string[] = [];
  const asking = askOneAtATime(
    () => {
      const answer = Promise.withResolvers<string>();
      waiting.push(answer);
      return answer.promise;
    },
    (data) => told.push(data),
    (reason) => told.push(`failed: ${reason}`),
  );
  /** Answers the question that was asked as this one, the first as 0. */
  const answer = async (place: number, text: string) => {
    waiting[place]?.resolve(text);
    await settled();
  };
  const refuse = async (place: number, reason: string) => {
    waiting[place]?.reject(reason);
    await settled();
  };
  return { asking, told, answer, refuse, count: () => waiting.length };
}

/** What waits for a promise has gone on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

test('who asks again and again puts no answer off, and gets the newest one last', async (t) => {
  const { asking, told, answer, count } = asked();
  for (let i = 0; i < 5; i++) asking.again();
  t.is(count(), 1);
  await answer(0, 'first');
  t.deepEqual(told, ['first']);
  t.is(count(), 2);
  await answer(1, 'second');
  t.deepEqual(told, ['first', 'second']);
  t.is(count(), 2);
});

test('what the connection took away is asked anew, and what was answered is not', async (t) => {
  const { asking, told, answer, refuse, count } = asked();
  asking.recover();
  t.is(count(), 2);
  await answer(0, 'of the lost connection');
  t.deepEqual(told, []);
  await refuse(1, 'away');
  asking.recover();
  await answer(2, 'there again');
  asking.recover();
  t.is(count(), 3);
  t.deepEqual(told, ['failed: away', 'there again']);
});

test('after its end nobody is told of anything', async (t) => {
  const { asking, told, answer, count } = asked();
  asking.again();
  asking.end();
  await answer(0, 'late');
  t.deepEqual(told, []);
  t.is(count(), 1);
});
