/** What operators ask, put together from nodes that each have some of the partitions. What they say goes through bytes, as between them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { clusterSystem } from '../../src/cluster/cluster-system.ts';
import { peersOf, selfResponder } from '../../src/cluster/node-questions.ts';
import type { NodeAnswer } from '../../src/cluster/remote-partitions.ts';
import { pack, unpack } from '../../src/cluster/wire.ts';
import { AppError } from '../../src/model/errors.ts';
import type { NodeSystem } from '../../src/query/system.ts';
import { createSystem } from '../../src/system.ts';
import type { PartitionMetrics } from '../../src/threads/protocol.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';
import { deadLetterKey } from '../../storage/state/keys.ts';
import { openState } from '../../storage/state/rocksdb.ts';
import { encodeDeadLetter } from '../../storage/state/rows.ts';

const PARTITIONS = 3;

interface TestNode {
  readonly name: string;
  readonly own: NodeSystem;
  readonly state: Awaited<ReturnType<typeof openState>>;
  /** Partitions that are here. */
  here: readonly number[];
  isAway: boolean;
}

async function openNode(t: ExecutionContext, name: string, here: readonly number[]) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const state = await openState({ dir, partitions: PARTITIONS });
  t.teardown(async () => {
    await state.close();
    await rm(dir, { recursive: true });
  });
  const own = createSystem({
    state,
    source: { type: 'journal', dir },
    shared: createLogShared(PARTITIONS, 'kafka'),
    here: () => new Map(node.here.map((partition) => [partition, 1])),
    actors: async () => [{ ...ACTOR, path: `partition/${node.here[0]}` }],
    partitions: async () => node.here.map((partition) => ({ ...METRICS, partition })),
  });
  const node: TestNode = { name, own, state, here, isAway: false };
  return node;
}

const ACTOR = {
  name: 'partition',
  state: 'running',
  mailboxDepth: 0,
  mailboxMax: 1,
  oldestMessageAgeMs: null,
  handled: 0,
  restarts: 0,
  deadLetters: 0,
  lastError: null,
} as const;
const METRICS = { watermarkMs: Number.NEGATIVE_INFINITY, series: 1 } as PartitionMetrics;

async function scene(t: ExecutionContext) {
  const a = await openNode(t, 'a', [0, 2]);
  const b = await openNode(t, 'b', [1]);
  const others = (self: TestNode) => ({
    askAll: async (name: string, ask: unknown): Promise<NodeAnswer[]> =>
      Promise.all(
        [a, b]
          .filter((node) => node !== self)
          .map(async (node) => {
            const sent = unpack(pack(ask));
            const said = node.isAway
              ? undefined
              : await selfResponder(node.own, undefined).answer(name, sent);
            return { node: node.name, partitions: node.here, answer: unpack(pack(said)) };
          }),
      ),
  });
  const systemAt = (node: TestNode) =>
    clusterSystem(node.own, peersOf(node.name, others(node)), PARTITIONS);
  const letter = async (node: TestNode, partition: number, arrivalMs: number) =>
    node.state.commit([
      {
        key: deadLetterKey({ partition, tenant: 'a', offset: arrivalMs, row: 0 }),
        value: encodeDeadLetter({
          stream: 'events',
          arrivalMs,
          line: 0,
          code: 'invalid_json',
          message: `${arrivalMs}`,
          raw: Buffer.from('{'),
        }),
      },
    ]);
  return { a, b, systemAt, letter };
}

test('dead letters of all nodes come newest first, page by page, alike on each node', async (t) => {
  const { a, b, systemAt, letter } = await scene(t);
  for (let ms = 1; ms <= 30; ms++) {
    const partition = ms % PARTITIONS;
    await letter(partition === 1 ? b : a, partition, ms);
    // Rows of a partition that is elsewhere are old, and not looked at.
    await letter(partition === 1 ? a : b, partition, 1_000 + ms);
  }
  const newestFirst = Array.from({ length: 30 }, (_, i) => `${30 - i}`);
  for (const node of [a, b]) {
    const system = systemAt(node);
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = (await system.deadLetters({ tenant: 'a', first: 7, after })).letters;
      found.push(...page.map(({ message }) => message));
      after = page.at(-1)?.id;
      if (page.length < 7) break;
    }
    t.deepEqual(found, newestFirst);
  }
  t.deepEqual((await systemAt(a).deadLetters({ tenant: 'other', first: 7 })).letters, []);
});

test('dead letters that cannot all be read are refused, those of a partition that just moved are there once', async (t) => {
  const { a, b, systemAt, letter } = await scene(t);
  await letter(b, 1, 5);
  b.isAway = true;
  const asked = systemAt(a).deadLetters({ tenant: 'a', first: 7 });
  const fault = await t.throwsAsync(asked, { instanceOf: AppError });
  t.is(fault?.code, 'partition_elsewhere');
  t.regex(fault?.message ?? '', /partitions 1 cannot/);
  b.isAway = false;
  await letter(a, 1, 5);
  a.here = [0, 1, 2];
  t.is((await systemAt(a).deadLetters({ tenant: 'a', first: 7 })).letters.length, 1);
});

test('actors are named by their nodes, partitions stand in their order; who is away is left out', async (t) => {
  const { a, b, systemAt } = await scene(t);
  for (const node of [a, b]) {
    const paths = (await systemAt(node).actors()).map(({ path }) => path);
    t.deepEqual(paths.sort(), ['a/partition/0', 'b/partition/1']);
    const views = await systemAt(node).partitions();
    t.deepEqual(
      views.map(({ partition }) => partition),
      [0, 1, 2],
    );
    t.is(views[1]?.watermarkMs, Number.NEGATIVE_INFINITY);
  }
  b.isAway = true;
  t.is((await systemAt(a).actors()).length, 1);
  t.deepEqual(
    (await systemAt(a).partitions()).map(({ partition }) => partition),
    [0, 2],
  );
});

test('what waits on the disks of other nodes counts as pending; one that is away leaves the sum open', async (t) => {
  const { a, b, systemAt } = await scene(t);
  const spooling = { ...b, own: { ...b.own, spooledEvents: spooled } };
  Object.assign(b, spooling);
  const from = new Map([0, 1, 2].map((partition) => [partition, 0]));
  t.deepEqual(await systemAt(a).pendingEvents('a', 'events', from), {
    events: 5,
    isComplete: true,
  });
  b.isAway = true;
  t.deepEqual(await systemAt(a).pendingEvents('a', 'events', from), {
    events: 0,
    isComplete: false,
  });
});

const spooled: NodeSystem['spooledEvents'] = async (tenant, stream) => ({
  events: tenant === 'a' && stream === 'events' ? 5 : 0,
  isComplete: true,
});

test('what is no question, or has no such form, is refused', async (t) => {
  const { a } = await scene(t);
  const { answer } = selfResponder(a.own, undefined);
  await t.throwsAsync(answer('toString', undefined), { code: 'query_invalid' });
  await t.throwsAsync(answer('deadLetters', { tenant: 1 }), { code: 'query_invalid' });
});
