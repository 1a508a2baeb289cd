import test from 'ava';
import { leaderStream } from '../../graphql/leader-stream.ts';
import { LeaderWatch } from '../../graphql/leader-watch.ts';
import type { LeaderPort } from '../../src/query/leader-port.ts';

const NO_FAULT = () => ({ data: null });

const leaderOf = (isLeader: boolean): LeaderPort => ({
  isLeader,
  leaderUrl: isLeader ? undefined : 'http://other.invalid',
  key: '',
});

test('what the leader refuses is told once, and nothing of it stays open', async (t) => {
  const leader = leaderOf(false);
  let open = 0;
  const stream = leaderStream({
    leader,
    watch: new LeaderWatch(leader),
    here: () => Promise.reject(new Error('it leads elsewhere')),
    async *there() {
      open++;
      try {
        yield { data: null, errors: [] };
      } finally {
        open--;
      }
    },
    told: NO_FAULT,
  });
  t.deepEqual(await stream.next(), { done: false, value: { data: null, errors: [] } });
  t.is(open, 1);
  t.true((await stream.next()).done);
  t.is(open, 0);
});

test('a subscriber that leaves between two messages leaves nothing open at the leader', async (t) => {
  const leader = leaderOf(false);
  let open = 0;
  const stream = leaderStream({
    leader,
    watch: new LeaderWatch(leader),
    here: () => Promise.reject(new Error('it leads elsewhere')),
    async *there() {
      open++;
      try {
        for (let n = 0; ; n++) yield { data: { n } };
      } finally {
        open--;
      }
    },
    told: NO_FAULT,
  });
  t.deepEqual((await stream.next()).value, { data: { n: 0 } });
  t.is(open, 1);
  await stream.return?.();
  t.is(open, 0);
});

test('a subscriber that leaves before the leader has begun leaves nothing open here', async (t) => {
  const leader = leaderOf(true);
  const begun = Promise.withResolvers<void>();
  let isClosed = false;
  const ended = Promise.withResolvers<IteratorResult<never>>();
  const stream = leaderStream({
    leader,
    watch: new LeaderWatch(leader),
    async here() {
      await begun.promise;
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => ended.promise,
          async return() {
            isClosed = true;
            ended.resolve({ done: true, value: undefined });
            return ended.promise;
          },
        }),
      };
    },
    there: undefined,
    told: NO_FAULT,
  });
  const first = stream.next();
  await stream.return?.();
  begun.resolve();
  t.true((await first).done);
  t.true(isClosed);
});
