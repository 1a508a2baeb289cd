/** Nodes that come and go over one real topic: each event counts once, every node answers alike, and alarms are told once. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type ClusterNode, ClusterScene } from '../../load-tests/cluster/scene.ts';
import { ClusterSender } from '../../load-tests/cluster/sender.ts';
import { burstAlarms, toldOnceDifferences } from '../../load-tests/cluster/told.ts';
import { idsIn } from '../../load-tests/cluster/topic-ids.ts';
import { archivedAll, clusterDifferences, seenBy, settled } from '../../load-tests/cluster/view.ts';
import { seededRandom } from '../../load-tests/random.ts';
import { Recorder } from '../../load-tests/recorder.ts';
import { scratchFolder } from '../../load-tests/scratch.ts';

const PARTITIONS = 12;
const EVENTS_PER_SECOND = 800;

async function site(t: ExecutionContext, names: readonly string[]) {
  const folder = scratchFolder('cluster');
  const file = join(folder, 'told');
  const recorder = await Recorder.start({ seed: 1, file, badShare: 0 });
  const config = burstAlarms(recorder.webhook);
  const scene = await ClusterScene.open({ folder, names, partitions: PARTITIONS, config });
  /** Not those that are about to stop: whoever balances load takes these out first. */
  const serving = new Set<ClusterNode>();
  const sender = new ClusterSender({
    targets: () => [...serving].map(({ server }) => server),
    random: seededRandom(1),
    eventsPerSecond: EVENTS_PER_SECOND,
  });
  t.teardown(async () => {
    await sender.close();
    await scene.close();
    recorder.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const start = async (...nodes: readonly ClusterNode[]): Promise<void> => {
    await Promise.all(nodes.map(({ server }) => server.start()));
    for (const node of nodes) serving.add(node);
    await settled(scene.running);
  };
  const stop = async (node: ClusterNode): Promise<void> => {
    serving.delete(node);
    await node.server.stop();
    await settled(scene.running);
  };
  return { scene, sender, recorder, start, stop };
}

type Site = Awaited<ReturnType<typeof site>>;

/** All that was acknowledged is counted once: by each node, by another client of the topic, in the archive, and by who is told. */
async function balances(t: ExecutionContext, { scene, sender, recorder }: Site): Promise<void> {
  await sender.drain();
  const truth = sender.truth();
  t.deepEqual(truth.unexpected, []);
  t.deepEqual(await clusterDifferences(scene.running, truth), []);
  const ids = await idsIn(scene.kafka.addresses, scene.topic);
  t.is(ids.size, truth.events, 'another client counts the same events');
  for (const { server } of scene.running) {
    const { rows, ids: stored } = await archivedAll(server, truth.events);
    t.deepEqual({ rows, stored }, { rows: truth.events, stored: truth.events });
  }
  t.deepEqual(await toldOnceDifferences(recorder, truth), []);
}

test.serial('a rolling restart of three nodes loses nothing and doubles nothing', async (t) => {
  const cluster = await site(t, ['a', 'b', 'c']);
  const { scene, sender, start, stop } = cluster;
  await start(...scene.nodes);
  const shares = (await seenBy(scene.node('a'))).nodes.map(({ partitions }) => partitions.length);
  t.deepEqual(shares, [4, 4, 4]);
  sender.start();
  await sender.burst();
  for (const node of scene.nodes) {
    await stop(node);
    await sender.burst();
    await start(node);
    await sleep(500);
    await sender.burst();
  }
  await balances(t, cluster);
});

test.serial('a cluster grows from one node to three and shrinks to two', async (t) => {
  const cluster = await site(t, ['a', 'b', 'c']);
  const { scene, sender, start, stop } = cluster;
  const [a, b, c] = scene.nodes as [ClusterNode, ClusterNode, ClusterNode];
  await start(a);
  sender.start();
  await sender.burst();
  await start(b, c);
  await sender.burst();
  const { nodes } = await seenBy(a.server);
  t.deepEqual(
    nodes.map(({ partitions }) => partitions.length),
    [4, 4, 4],
  );
  await stop(a);
  await sender.burst();
  await balances(t, cluster);
});

test.serial(
  'a node that is killed, and one that comes back after it was given up, cost nothing',
  async (t) => {
    const cluster = await site(t, ['a', 'b', 'c']);
    const { scene, sender, start } = cluster;
    await start(...scene.nodes);
    sender.start();
    await sender.burst();
    const { leader } = await seenBy(scene.node('a'));
    const killed = scene.node(leader ?? '');
    await killed.kill();
    await settled(scene.running);
    await sender.burst();
    await killed.start();
    await settled(scene.running);
    const next = (await seenBy(killed)).leader ?? '';
    const others = scene.nodes.filter(({ name }) => name !== next);
    scene.node(next).pause();
    await settled(others);
    await sender.burst();
    scene.node(next).resume();
    await settled(scene.running);
    await sender.burst();
    await balances(t, cluster);
  },
);
