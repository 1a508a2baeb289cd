import test from 'ava';
import fc from 'fast-check';
import { Turnover } from '../../src/cluster/turnover.ts';
import { AppError } from '../../src/model/errors.ts';
import { silent } from '../storage/archive/silent.ts';

/** A node whose takings and givings end when they are told to. */
function node(
  takes: (partition: number, signal: AbortSignal) => Promise<void> = async () => undefined,
) {
  const steps: string[] = [];
  const turnover = new Turnover({
    give: async (partition) => {
      steps.push(`give ${partition}`);
    },
    take: async (partition, _, signal) => {
      await takes(partition, signal);
      steps.push(`take ${partition}`);
    },
    changed: () => undefined,
    sleep: async (_, signal) => {
      await new Promise((resolve) => {
        if (signal.aborted) resolve(undefined);
        else signal.addEventListener('abort', resolve);
      });
    },
    logger: silent,
  });
  return { turnover, steps };
}

test('what is lost is given, what is new is taken, and what stays is left alone', async (t) => {
  const { turnover, steps } = node();
  turnover.want([0, 1]);
  await turnover.settled();
  turnover.want([1, 2]);
  await turnover.settled();
  t.deepEqual(steps.sort(), ['give 0', 'take 0', 'take 1', 'take 2']);
  t.deepEqual([...turnover.here].sort(), [1, 2]);
});

test('a partition that cannot be had says why, is tried again, and holds up no other', async (t) => {
  let isGood = false;
  const { turnover } = node(async (partition) => {
    if (partition === 0 && !isGood) throw new AppError('checkpoint_missing', 'nobody has it');
  });
  turnover.want([0, 1]);
  while (turnover.problem(0) !== 'nobody has it') await new Promise(setImmediate);
  t.true(turnover.here.has(1));
  t.is(turnover.problem(1), undefined);
  isGood = true;
  turnover.want([0, 1]);
  await turnover.settled();
  t.deepEqual([...turnover.here].sort(), [0, 1]);
  t.is(turnover.problem(0), undefined);
});

test('a taking that is not wanted any more is broken off, and makes room for others', async (t) => {
  let isAborted = true;
  const taken: number[] = [];
  const { turnover, steps } = node(async (partition, signal) => {
    taken.push(partition);
    if (partition >= 4 || !isAborted) return;
    await new Promise((_, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason as Error)),
    );
  });
  turnover.want([0, 1, 2, 3]);
  while (taken.length < 4) await new Promise(setImmediate);
  turnover.want([4]);
  // Wanted again before it has come to its end.
  isAborted = false;
  turnover.want([4, 0]);
  await turnover.settled();
  t.deepEqual([...turnover.here].sort(), [0, 4]);
  t.deepEqual(steps.sort(), ['take 0', 'take 4']);
  t.is(turnover.problem(1), undefined);
});

test('who is told another thing while it takes comes to what was said last', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uniqueArray(fc.nat(7), { maxLength: 8 }), { minLength: 1, maxLength: 12 }),
      fc.scheduler(),
      async (wishes, scheduler) => {
        const { turnover } = node(() =>
          scheduler.schedule(Promise.resolve()).then(() => undefined),
        );
        for (const wish of wishes) {
          turnover.want(wish);
          if (scheduler.count() > 0) await scheduler.waitOne();
        }
        const ended = turnover.settled();
        await scheduler.waitFor(ended);
        t.deepEqual([...turnover.here].sort(), [...(wishes.at(-1) ?? [])].sort());
      },
    ),
    { numRuns: 100 },
  );
});
