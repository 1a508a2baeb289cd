/**
 * Random lives of a server whose log comes and goes: bursts of appends while it is well, away, slow or says no when it means perhaps,
 * crashes at any moment, clean ends. In the end, as partitions read the log: what was acknowledged is there once, in its order.
 */
import { cpSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { Producers } from '../../../actors/partition/producers.ts';
import { testBlock } from '../log/blocks.ts';
import { PARTITIONS, scratchDir } from '../log/scratch.ts';
import { type Landed, type Mood, startLife, Topic, until } from './spooling-scene.ts';

const TIMES = { patienceMs: 15, calmMs: 20, retryMs: 1 };

const step = fc.record({
  mood: fc.constantFrom<Mood>('fine', 'fine', 'away', 'slow', 'doubtful'),
  /** How many blocks each of its appends has. */
  appends: fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 12 }),
  /** Whether they are waited for, and for how long if not. */
  waits: fc.boolean(),
  ms: fc.integer({ min: 0, max: 25 }),
});
const life = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: 6 }),
  end: fc.constantFrom('close', 'crash', 'crash', 'crash'),
});
const world = fc.record({
  lives: fc.array(life, { minLength: 1, maxLength: 5 }),
  seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

test('whenever the log goes and the server crashes, what was acknowledged is in the log once for those who read it, in its order', async (t) => {
  let spooled = 0;
  let copies = 0;
  await fc.assert(
    fc.asyncProperty(world, async ({ lives, seed }) => {
      const topic = new Topic();
      topic.random = randomOf(seed);
      topic.slowMs = 2 * TIMES.patienceMs;
      let dir = await scratchDir(t);
      const acknowledged = new Set<string>();
      for (const [index, one] of lives.entries()) {
        const lived = await live(t, topic, dir, index + 1, one, acknowledged);
        dir = lived.dir;
        spooled += lived.spooled;
      }
      topic.mood = 'fine';
      const last = await startLife(t, topic, dir, { times: TIMES });
      await until(() => last.writer.spooling === undefined);
      await last.writer.close();
      // What a broker took after it had said no.
      await sleep(25);
      t.false(topic.hasOverlapped);
      for (const [partition, landed] of topic.partitions.entries()) {
        const applied = asRead(landed);
        copies += landed.length - applied.length;
        const names = applied.map((each) => nameOf(partition, each));
        const missing = [...acknowledged].filter(
          (name) => name.startsWith(`${partition}/`) && !names.includes(name),
        );
        t.deepEqual(missing, []);
        t.is(new Set(names).size, names.length);
        const kept = applied.filter((each) => acknowledged.has(nameOf(partition, each)));
        t.deepEqual(kept, [...kept].sort(byNumber));
      }
    }),
    { numRuns: 25 },
  );
  t.true(spooled > 100 && copies > 100, `${spooled} spooled, ${copies} copies`);
});

async function live(
  t: ExecutionContext,
  topic: Topic,
  dir: string,
  producerEpoch: number,
  { steps, end }: Life,
  acknowledged: Set<string>,
): Promise<{ readonly dir: string; readonly spooled: number }> {
  const { writer, inner, failures } = await startLife(t, topic, dir, { times: TIMES });
  const sequences = new Array<number>(PARTITIONS).fill(0);
  const answers: Promise<void>[] = [];
  let spooled = 0;
  let isOver = false;
  const append = async (blocks: number): Promise<void> => {
    const placed = Array.from({ length: blocks }, () => {
      const partition = Math.floor(topic.random() * PARTITIONS);
      sequences[partition] = (sequences[partition] as number) + 1;
      return { partition, producerEpoch, sequence: sequences[partition] as number };
    });
    const appended = await writer.append(placed.map(testBlock)).catch(() => undefined);
    if (appended === undefined || isOver) return;
    if (appended === 'spooled') spooled += 1;
    for (const { partition, sequence } of placed) {
      acknowledged.add(nameOf(partition, { producerEpoch, sequence }));
    }
  };
  for (const { mood, appends, waits, ms } of steps) {
    topic.mood = mood;
    answers.push(...appends.map(append));
    if (waits) await Promise.all(answers);
    else await sleep(ms);
  }
  if (end === 'close') {
    await writer.close();
    await Promise.all(answers);
    t.deepEqual(failures, []);
    return { dir, spooled };
  }
  isOver = true;
  inner.cut();
  const crashed = await scratchDir(t);
  copyAsItIs(dir, crashed);
  await writer.close();
  return { dir: crashed, spooled };
}

/** Other threads still work on it: a file may go while it is copied. */
function copyAsItIs(from: string, to: string): void {
  for (;;) {
    try {
      cpSync(from, to, { recursive: true, force: true });
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

/** What a partition applies of what it reads. */
function asRead(landed: readonly Landed[]): Landed[] {
  const producers = new Producers();
  return landed.filter((block) => !producers.isResent(block));
}

const byNumber = (a: Landed, b: Landed): number =>
  a.producerEpoch - b.producerEpoch || a.sequence - b.sequence;

const nameOf = (
  partition: number,
  { producerEpoch, sequence }: Pick<Landed, 'producerEpoch' | 'sequence'>,
): string => `${partition}/${producerEpoch}/${sequence}`;

/** Park and Miller's generator. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
