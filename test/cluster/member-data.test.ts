import { hash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import test from 'ava';
import { NODES_MAX } from '../../src/cluster/limits.ts';
import {
  decodeNodes,
  decodeTold,
  encodeNodes,
  encodeTold,
  type Told,
  viewOf,
} from '../../src/cluster/member-data.ts';
import { partitionSharing } from '../../src/cluster/partition-sharing.ts';

const PARTITIONS_MAX = 1_024;
/** The size of a record that brokers take by default. */
const RECORD_BYTES = 2 ** 20;

const identity = (i: number) => ({
  name: `node-${String(i).padStart(2, '0')}`,
  url: `https://node-${i}.streamgauge.svc.cluster.example:8081`,
  life: 1_800_000_000 + i,
  version: '0.1.0',
  configDigest: 'b1946ac92492d2347c6235b4d2611184',
  archive: '7e57ab1e-0000-4000-8000-5eed5eed5eed',
  proof: hash('sha256', String(i), 'base64url'),
});

function told(i: number, positions = new Map([[3, 5]])): Told {
  return { name: identity(i).name, node: identity(i), owned: [3], generation: 7, positions };
}

test('what a node tells of itself is read as it was told, and differs each time', (t) => {
  t.deepEqual(decodeTold(encodeTold(told(1), 1)), told(1));
  t.notDeepEqual(encodeTold(told(1), 1), encodeTold(told(1), 2));
});

test('what is not of a node is nothing, and inflates no further than its bound', (t) => {
  const bomb = deflateRawSync(Buffer.alloc(2 ** 26, '['));
  const other = deflateRawSync('{"node":{"name":5}}');
  for (const data of [undefined, new Uint8Array(), Buffer.from('?'), bomb, other]) {
    t.is(decodeTold(data), undefined);
    t.is(decodeNodes(data), undefined);
  }
});

test('a node that is not the same process is not in the view', (t) => {
  const nodes = [
    { ...identity(1), partitions: [1] },
    { ...identity(2), partitions: [0, 2] },
  ];
  const view = viewOf(nodes, identity(1), 9);
  t.like(view, { generation: 9, mine: [1] });
  t.is(view?.leader.name, identity(2).name);
  t.is(viewOf(nodes, { ...identity(1), life: 1 }, 9), undefined);
  t.is(viewOf(nodes.slice(0, 1), identity(1), 9), undefined);
});

test('all are told of all; what a stranger says is passed over', (t) => {
  const sharing = partitionSharing({ topic: 'log', partitions: 5, userData: new Uint8Array() });
  const members = [1, 2].map((i) => ({
    id: `id-${i}`,
    name: identity(i).name,
    topics: ['log'],
    userData: encodeTold(told(i), 1),
  }));
  const shares = sharing.share([...members, { id: 'x', name: 'stranger', topics: [] }]);
  t.deepEqual([...shares.keys()], ['id-1', 'id-2', 'x']);
  const nodes = [...shares.values()].map(({ userData }) => decodeNodes(userData));
  t.deepEqual(nodes[2], nodes[0]);
  t.deepEqual(
    nodes[0]?.map(({ name }) => name),
    [identity(1).name, identity(2).name],
  );
  t.deepEqual([...(shares.get('id-1')?.partitions.get('log') ?? [])], nodes[0]?.[0]?.partitions);
  t.deepEqual(shares.get('x')?.partitions.get('log'), []);
});

test('as many nodes and partitions as there can be fit into one record of a broker', (t) => {
  const members = Array.from({ length: NODES_MAX + 1 }, (_, i) => {
    // Digits that do not repeat, so that they do not deflate well.
    const rows = new Map(
      Array.from({ length: PARTITIONS_MAX }, (_, p) => [p, (p * 2_654_435_761 * (i + 1)) % 1e12]),
    );
    const userData = encodeTold({ ...told(i, rows), owned: [...rows.keys()] }, 1);
    return { id: `id-${i}`, name: identity(i).name, topics: ['log'], userData };
  });
  const all = { topic: 'log', partitions: PARTITIONS_MAX, userData: new Uint8Array() };
  const shares = partitionSharing(all).share(members);
  const bytes = [...members, ...shares.values()].reduce(
    (sum, { userData }) => sum + (userData?.length ?? 0),
    0,
  );
  t.log(`${bytes} bytes`);
  t.true(bytes < RECORD_BYTES);
  const nodes = decodeNodes(shares.get('id-0')?.userData) ?? [];
  t.is(nodes.length, NODES_MAX, 'the newest is one too many');
  t.false(nodes.some(({ name }) => name === identity(NODES_MAX).name));
  t.deepEqual(shares.get('id-0')?.userData, encodeNodes(nodes));
});
