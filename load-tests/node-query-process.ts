/** One node of load-tests/node-query-bench.ts. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { NodeAt } from '../src/cluster/directory.ts';
import { answerOf, type Question } from '../src/threads/asker.ts';
import { setOwned } from '../src/threads/progress.ts';
import { NOW_MS, TENANT } from '../test/actors/partition/group-scene.ts';
import { AllNodes, TestNode } from '../test/cluster/node-scene.ts';
import { BENCH_ROLLUPS, CASES, type NodeBenchQuestions } from './node-query-cases.ts';
import { seededRandom } from './random.ts';

const MINUTE_MS = 60_000;
const SERIES_PER_MINUTE = 100;
const COMMITTED_MINUTES = 20;
const NEWEST = Array.from({ length: SERIES_PER_MINUTE }, (_, i) => ({
  ts: NOW_MS - i * 20,
  type: `type ${i % 5}`,
  country: `country ${Math.floor(i / 5)}`,
  duration_ms: i,
  user: `user ${i}`,
}));

const [name = '', folder = '', partitionCount = ''] = process.argv.slice(2);
const partitions = Number(partitionCount);
const all = new AllNodes();
const node = TestNode.open({
  name,
  dir: join(folder, name),
  partitions,
  all,
  rollups: BENCH_ROLLUPS,
});

process.on('message', (question: Question<NodeBenchQuestions>) => {
  void answerOf(question.id, () => answer(question)).then((said) => process.send?.(said));
});
process.on('disconnect', () => process.exit());

async function answer(question: Question<NodeBenchQuestions>): Promise<unknown> {
  if (question.name === 'open') return (await node).at;
  if (question.name === 'fill') return fill(await node, question.ask.hours);
  if (question.name === 'assign') return assign(await node, question.ask);
  return run(await node, question.ask);
}

async function fill({ scene }: TestNode, hours: number): Promise<void> {
  const random = seededRandom(1);
  const minutes = hours * 60;
  const all = Array.from({ length: partitions }, (_, partition) => partition);
  for (let minute = 0; minute < minutes; minute++) {
    const arrivalMs = NOW_MS - (minutes - minute) * MINUTE_MS;
    for (const partition of all) {
      const events = Array.from({ length: SERIES_PER_MINUTE }, (_, i) => ({
        ts: arrivalMs - random.between(0, MINUTE_MS / 2),
        type: `type ${i % 5}`,
        country: `country ${Math.floor(i / 5)}`,
        duration_ms: random.between(0, 10_000),
        user: `user ${random.between(0, 50_000)}`,
      }));
      await scene.send(partition, events, { arrivalMs });
    }
    if (minute % COMMITTED_MINUTES > 0) continue;
    await scene.applied();
    await scene.commit(...all);
  }
  await scene.applied();
  await scene.commit(...all);
  // As under load: what came since the last commit is in memory.
  for (const partition of all) await scene.send(partition, NEWEST, { arrivalMs: NOW_MS });
  await scene.applied();
}

function assign({ progress }: TestNode, nodes: readonly NodeAt[]): undefined {
  progress.owned.fill(0);
  setOwned(progress, nodes.find((each) => each.name === name)?.partitions ?? [], true);
  all.set(nodes);
}

async function run(
  { queries }: TestNode,
  { place, runs, concurrency }: NodeBenchQuestions['run']['ask'],
): Promise<NodeBenchQuestions['run']['answer']> {
  const request = { tenant: TENANT, stream: 'events', ...CASES[place]!.request(NOW_MS) };
  const ms: number[] = [];
  let digest = '';
  const ask = async () => {
    while (ms.length < runs) {
      const beganMs = performance.now();
      const { series } = await queries.timeseries(request);
      ms.push(performance.now() - beganMs);
      if (ms.length === 1) digest = createHash('sha1').update(JSON.stringify(series)).digest('hex');
    }
  };
  await Promise.all(Array.from({ length: concurrency }, ask));
  return { ms, digest };
}
