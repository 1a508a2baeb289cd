import test from 'ava';
import type { PeerView } from '../../src/cluster/remote-partitions.ts';
import { clusterStatus, type StatusParts } from '../../src/cluster/status.ts';
import type { ClusterNode } from '../../src/cluster/view.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';

const nodeOf = (
  name: string,
  partitions: readonly number[],
  configDigest = 'same',
): ClusterNode => ({
  ...{ name, partitions, configDigest },
  url: `http://${name}`,
  life: 1,
  version: '1',
  archive: 'one',
  proof: 'proven',
});

const peerOf = (node: ClusterNode, problem?: string): PeerView => ({
  ...node,
  problem,
  problems: [],
});

function statusOf(nodes: readonly ClusterNode[], more: Partial<StatusParts> = {}) {
  const mine = nodes.find(({ name }) => name === 'a')?.partitions ?? [];
  const leader = nodes.find(({ partitions }) => partitions.includes(0));
  const view = leader && { generation: 3, nodes, mine, leader };
  return clusterStatus({
    self: 'a',
    standing: { view, isMember: true, problem: undefined },
    isLeading: false,
    leadProblem: undefined,
    problems: [],
    problemOf: () => undefined,
    peers: nodes.filter(({ name }) => name !== 'a').map((node) => peerOf(node)),
    shared: createLogShared(2),
    ...more,
  });
}

test('a node that has not begun to join knows of nobody', (t) => {
  const status = statusOf([], { standing: undefined });
  t.like(status, { generation: 0, isMember: false, leader: undefined, nodes: [] });
  t.deepEqual(
    status.partitions.map(({ node }) => node),
    [undefined, undefined],
  );
});

test('a leader is named by itself once it leads, and by others at once', (t) => {
  t.is(statusOf([nodeOf('a', [0])]).leader, undefined);
  t.is(statusOf([nodeOf('a', [0])], { isLeading: true }).leader, 'a');
  t.is(statusOf([nodeOf('a', [1]), nodeOf('b', [0])]).leader, 'b');
});

test('a node that does not answer is away, and its partitions with it', (t) => {
  const b = nodeOf('b', [1]);
  const status = statusOf([nodeOf('a', [0]), b], {
    peers: [peerOf(b, 'it is silent')],
    problems: ['one', 'two'],
    problemOf: (partition) => `it comes: ${partition}`,
  });
  t.like(status.nodes, [
    { name: 'a', isAway: false, problem: 'one; two' },
    { name: 'b', isAway: true, problem: 'it is silent' },
  ]);
  t.like(status.partitions, [
    { node: 'a', problem: 'it comes: 0' },
    { node: 'b', problem: 'it is silent' },
  ]);
});

test('who is configured in another way is named, a few of many', (t) => {
  const others = ['b', 'c', 'd', 'e', 'f'].map((name) => nodeOf(name, [], 'other'));
  t.regex(statusOf([nodeOf('a', [0, 1]), ...others]).notice ?? '', /in another way on b, c, d, e$/);
  t.is(statusOf([nodeOf('a', [0]), nodeOf('b', [1])]).notice, undefined);
});
