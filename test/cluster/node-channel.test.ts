import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { ListeningSocket } from '../../graphql/socket.ts';
import { ASKED_BYTES_MAX, ASKED_TOGETHER_MAX } from '../../src/cluster/limits.ts';
import { NodeClient } from '../../src/cluster/node-client.ts';
import { ASK_PATH, NODE_HEADER, nodeAddress, pack, ROWS_PATH } from '../../src/cluster/wire.ts';
import { isFault } from '../../src/model/errors.ts';
import { NODE_KEY_HEADER } from '../../src/model/node-key.ts';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import { appliedAfter } from '../../src/query/after.ts';
import { readingSinceMs } from '../../src/threads/progress.ts';
import { partitionRange, partitionStateKey } from '../../storage/state/keys.ts';
import { readRanges, scan } from '../../storage/state/state.ts';
import { BY_TYPE } from '../actors/partition/group-scene.ts';
import { until } from '../actors/scripted-clock.ts';
import { ClusterScene, KEY, NOW_MS, PATIENT, PATIENT_MS, TENANT } from './node-scene.ts';

const twoNodes = (t: ExecutionContext, more: object = {}) =>
  ClusterScene.open(t, {
    partitions: 2,
    rollups: [BY_TYPE],
    nodes: [{ name: 'a' }, { name: 'b', ...more }],
  });

const EVENTS = [{ ts: NOW_MS, type: 'view', n: 1 }];

test('only who has the key, and means this node in this life, is heard', async (t) => {
  const scene = await twoNodes(t);
  const { at } = scene.node('a');
  const post = async (headers: Record<string, string>, path = ASK_PATH) => {
    const answer = await fetch(at.url + path, {
      method: 'POST',
      headers,
      body: Uint8Array.from(pack([])),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const good = { [NODE_KEY_HEADER]: KEY, [NODE_HEADER]: nodeAddress(at) };
  t.is((await post(good)).status, 200);
  for (const path of [ASK_PATH, ROWS_PATH]) {
    const none = await post({ [NODE_HEADER]: nodeAddress(at) }, path);
    t.is(none.status, 401);
    t.true(none.text.includes(NODE_KEY_HEADER));
    const wrong = await post({ ...good, [NODE_KEY_HEADER]: `${KEY}x` }, path);
    t.is(wrong.status, 403);
    t.true(wrong.text.includes('cluster.secretFile'));
    t.false(wrong.text.includes(KEY));
  }
  const older = await post({ ...good, [NODE_HEADER]: nodeAddress({ ...at, life: 7 }) });
  t.is(older.status, 409);
  t.is((await fetch(at.url + ASK_PATH, { headers: good })).status, 405);
});

test('bodies that are malformed or too long are refused, and the next question is answered', async (t) => {
  const scene = await twoNodes(t);
  const { at } = scene.node('a');
  const headers = { [NODE_KEY_HEADER]: KEY, [NODE_HEADER]: nodeAddress(at) };
  const status = async (body: Uint8Array<ArrayBuffer>, path = ASK_PATH) =>
    (await fetch(at.url + path, { method: 'POST', headers, body })).status;
  const packed = (value: unknown) => Uint8Array.from(pack(value));
  const collect = { tenant: TENANT, rollup: 'by_type', identity: '', fromMs: 0, toMs: 1 };
  const asking = (request: object) => [{ id: 0, name: 'collect', ask: { partition: 0, request } }];
  const malformed: readonly unknown[] = [
    'text',
    [7],
    [{ id: 0, name: 'hold', ask: { partition: 0 } }],
    [{ id: 0, name: 'collect', ask: { partition: -1, request: {} } }],
    asking({ ...collect, groups: [0] }),
    asking({ ...collect, steps: [1_000], groups: [Number.NaN] }),
    asking({ ...collect, steps: 'all', groups: [0] }),
    Array.from({ length: ASKED_TOGETHER_MAX + 1 }, (_, id) => ({
      id,
      name: 'getMany',
      ask: { keys: [] },
    })),
  ];
  for (const body of malformed)
    t.is(await status(packed(body)), 400, JSON.stringify(body).slice(0, 80));
  t.is(await status(new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff])), 400);
  t.is(await status(new Uint8Array()), 400);
  t.is(await status(packed([['a', 'b']]), ROWS_PATH), 400);
  t.is(await status(new Uint8Array(ASKED_BYTES_MAX + 1)), 413);
  t.is(await status(packed(asking({ ...collect, steps: [], groups: [] }))), 200);
});

test('what a node tells fills the arrays of the others, but not of their own partitions', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  await scene.send(1, EVENTS, ['a']);
  await scene.applied();
  scene.assign({ a: [0], b: [1] });
  b.progress.committed[1] = 7;
  b.progress.committed[0] = 9;
  const applied = b.scene.shared.applied[1];
  await until(() => a.progress.committed[1] === 7 && a.scene.shared.applied[1] === applied);
  t.is(a.scene.shared.partitionEnds[1], b.scene.shared.partitionEnds[1]);
  t.is(a.progress.committed[0], 0, 'its own');
});

test('the oldest export on other nodes is known, and forgotten with its node', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  scene.assign({ a: [0], b: [1] });
  t.is(readingSinceMs(a.progress), Number.POSITIVE_INFINITY);
  b.progress.readingSince[0] = 7;
  await until(() => readingSinceMs(a.progress) === 7);
  a.progress.readingSince[0] = 5;
  t.is(readingSinceMs(a.progress), 5);
  a.progress.readingSince[0] = Number.POSITIVE_INFINITY;
  scene.assign({ a: [0, 1] });
  t.is(readingSinceMs(a.progress), Number.POSITIVE_INFINITY);
});

test('what is known of a partition goes back when a node that is behind gets it', async (t) => {
  const scene = await ClusterScene.open(t, {
    partitions: 1,
    rollups: [BY_TYPE],
    nodes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
  });
  const [a, b, c] = [scene.node('a'), scene.node('b'), scene.node('c')];
  await scene.send(0, EVENTS, ['b', 'c']);
  await scene.applied();
  const ahead = a.scene.shared.applied[0] as number;
  const behind = b.scene.shared.applied[0] as number;
  t.true(behind < ahead);
  scene.assign({ a: [0], b: [], c: [] });
  await until(() => c.scene.shared.applied[0] === ahead);
  const epoch = c.remote.ownerEpoch(0);
  scene.assign({ a: [], b: [0], c: [] });
  t.true(c.remote.ownerEpoch(0) > epoch);
  // As its thread says, once it has loaded its state.
  b.scene.shared.applied[0] = behind;
  await until(() => c.scene.shared.applied[0] === behind);
  t.is(c.scene.shared.partitionEnds[0], a.scene.shared.partitionEnds[0], 'the end stays');
});

test('a position that another node gave is waited for, though its end is not known here yet', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  scene.assign({ a: [0], b: [1] });
  await scene.met();
  await scene.send(1, EVENTS, ['a']);
  const end = b.scene.shared.partitionEnds[1] as number;
  await appliedAfter(encodePositions(new Map([[1, offset(end)]])), a.client, PATIENT_MS);
  t.true((a.scene.shared.applied[1] as number) >= end);
  const never = encodePositions(new Map([[1, offset(end + 1_000)]]));
  const fault = await t.throwsAsync(appliedAfter(never, a.client, 50));
  t.true(isFault(fault, 'query_timeout'));
});

test('a node with another key is away, and says why', async (t) => {
  const scene = await twoNodes(t, { key: 'another secret' });
  scene.assign({ a: [0], b: [1] });
  const { remote } = scene.node('a');
  await until(() => remote.peers[0]?.problem !== undefined);
  t.regex(remote.peers[0]?.problem ?? '', /403.*must be the same on all nodes/);
  const fault = await t.throwsAsync(scene.node('a').client.collect(1, COLLECT, PATIENT_MS));
  t.true(isFault(fault, 'node_away'));
});

const COLLECT = {
  tenant: TENANT,
  rollup: 'by_type',
  identity: '',
  fromMs: 0,
  toMs: NOW_MS,
  steps: [1_000],
  groups: [0],
};

test('a node that takes connections and says nothing is away soon, and is not waited for then', async (t) => {
  const sockets = new Set<{ destroy(): void }>();
  const stalled = createServer((socket) => void sockets.add(socket));
  await new Promise<void>((resolve) => stalled.listen(0, '127.0.0.1', resolve));
  const address = stalled.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  const changed = Promise.withResolvers<void>();
  const node = { name: 'x', url: `http://127.0.0.1:${port}`, life: 1, partitions: [0] };
  const client = new NodeClient(node, {
    key: KEY,
    patience: { ...PATIENT, silenceMs: 100 },
    onProgress() {},
    onChange: changed.resolve,
  });
  t.teardown(() => {
    client.close();
    stalled.close();
    for (const socket of sockets) socket.destroy();
  });
  const asked = client.askPartition('collect', { partition: 0, request: COLLECT }, 60_000);
  const fault = await t.throwsAsync(asked);
  t.true(isFault(fault, 'node_away'));
  await changed.promise;
  t.regex(client.problem ?? '', /told nothing/);
  const next = await t.throwsAsync(client.ask('getMany', { keys: [] }, 60_000));
  t.true(isFault(next, 'node_away'));
  const rows = client.rows([partitionRange(0)]);
  t.true(isFault(await t.throwsAsync(rows.next()), 'node_away'));
});

test('over TLS a node is heard whose certificate is trusted, and no other', async (t) => {
  const file = (name: string) => fileURLToPath(new URL(`../ingest/tls/${name}`, import.meta.url));
  const tls = { certFile: file('first.crt'), keyFile: file('first.key') };
  const socket = await ListeningSocket.open({ host: '127.0.0.1', port: 0, tls }, (app) => {
    app.any('/*', (res) => void res.writeStatus('401 Unauthorized').end('who are you?'));
  });
  t.teardown(() => socket.close());
  const node = { name: 'x', url: `https://localhost:${socket.port}`, life: 1, partitions: [0] };
  const problemOf = async (ca: string | undefined) => {
    const changed = Promise.withResolvers<void>();
    const client = new NodeClient(node, {
      key: KEY,
      ca,
      patience: PATIENT,
      onProgress() {},
      onChange: changed.resolve,
    });
    await changed.promise;
    client.close();
    return client.problem ?? '';
  };
  t.regex(await problemOf(await readFile(tls.certFile, 'utf8')), /it answers 401: who are you/);
  t.regex(await problemOf(undefined), /self-signed certificate/);
});

test('a node that comes back is asked again', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  scene.assign({ a: [0], b: [1] });
  await scene.met();
  b.server.close();
  // Its streams have ended; it still listens, and a finds that out.
  await until(() => a.remote.peers[0]?.problem !== undefined);
  await until(() => a.remote.peers[0]?.problem === undefined);
  const reply = await a.client.ledger(
    1,
    { tenant: TENANT, fromMs: 0, toMs: NOW_MS * 2 },
    PATIENT_MS,
  );
  t.deepEqual(reply.entries, []);
});

test('what found no series of its own is told by the node that has the partition', async (t) => {
  const scene = await ClusterScene.open(t, {
    partitions: 2,
    rollups: [{ ...BY_TYPE, seriesMax: 1 }],
    nodes: [{ name: 'a' }, { name: 'b' }],
  });
  scene.assign({ a: [0], b: [1] });
  await scene.met();
  await scene.send(1, [...EVENTS, { ts: NOW_MS, type: 'buy', n: 1 }], ['a']);
  const { overflows } = await scene.node('a').client.overflows(1, { tenant: TENANT }, PATIENT_MS);
  t.deepEqual(
    overflows.map(({ rollup, report }) => [rollup, report.events, report.dimensions[0]?.examples]),
    [[BY_TYPE.name, 1, ['buy']]],
  );
});

test('rows of partitions are read from whoever has them, those of the server here', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  scene.assign({ a: [0], b: [1] });
  const value = (text: string) => Buffer.from(text);
  const key = (partition: number, i: number) =>
    Buffer.concat([partitionRange(partition).from, value(String(i).padStart(6, '0'))]);
  const server = Buffer.from([0xff, 0xff, 0xff, 0x01]);
  for (const [name, { scene: own }] of scene.nodes) {
    await own.state.commit([
      { key: server, value: value(`server of ${name}`) },
      ...Array.from({ length: 2_500 }, (_, i) => ({ key: key(0, i), value: value(`${name}0`) })),
      ...Array.from({ length: 2_500 }, (_, i) => ({ key: key(1, i), value: value(`${name}1`) })),
    ]);
  }
  const found = await a.state.getMany([key(1, 5), server, key(0, 7), key(1, 999_999), key(1, 6)]);
  t.deepEqual(
    found.map((each) => each?.toString()),
    ['b1', 'server of a', 'a0', undefined, 'b1'].map((each) => each && value(each).toString()),
  );
  const textsOf = async (reader: AsyncIterable<{ readonly value: Uint8Array }>) => {
    const texts = new Map<string, number>();
    for await (const row of reader) {
      const text = Buffer.from(row.value).toString();
      texts.set(text, (texts.get(text) ?? 0) + 1);
    }
    return texts;
  };
  const range = (partition: number) => ({ from: key(partition, 0), to: key(partition, 9_999) });
  t.deepEqual(await textsOf(scan(a.state, range(1))), new Map([['b1', 2_500]]));
  const newest = await scene.node('b').scene.state.pageDown(range(1), 3);
  t.deepEqual(newest.length, 3);
  const read = readRanges(a.state, [range(1), range(0), { from: key(1, 10), to: key(1, 12) }]);
  const counts: number[] = [];
  for (const place of [0, 1, 2]) {
    let rows = 0;
    for await (const page of read.rows(place)) rows += page.length;
    counts.push(rows);
  }
  read.close();
  t.deepEqual(counts, [2_500, 2_500, 2]);
  b.progress.owned[1] = 0;
  const fault = await t.throwsAsync(a.state.getMany([partitionStateKey(1)]));
  t.true(isFault(fault, 'partition_elsewhere'));
});

test('ranges of rows of many MB come whole, also to a reader that is slow, or leaves', async (t) => {
  const scene = await twoNodes(t);
  const [a, b] = [scene.node('a'), scene.node('b')];
  scene.assign({ a: [0], b: [1] });
  const prefix = partitionRange(1).from;
  const ops = Array.from({ length: 300 }, (_, i) => ({
    key: Buffer.concat([prefix, Buffer.from(String(i).padStart(4, '0'))]),
    value: Buffer.alloc(64 * 1024, i),
  }));
  await b.scene.state.commit(ops);
  const ranges = [0, 1, 2].map((i) => ({
    from: ops[i * 100]?.key as Uint8Array,
    to: ops[i * 100 + 100]?.key ?? partitionRange(1).to,
  }));
  const read = readRanges(a.state, ranges);
  let at = 0;
  for (const place of ranges.keys()) {
    for await (const rows of read.rows(place)) {
      for (const { key, value } of rows) {
        if (
          !Buffer.from(key).subarray(0, 2).equals(prefix) ||
          !/^\d{4}$/.test(Buffer.from(key).subarray(2).toString())
        )
          continue;
        t.true(Buffer.from(value).equals(ops[at]?.value as Buffer));
        at++;
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
  t.is(at, 300);
  const left = readRanges(a.state, ranges);
  for await (const _ of left.rows(0)) break;
  left.close();
  const again = await a.state.getMany([ops[7]?.key as Uint8Array]);
  t.is(again[0]?.length, 64 * 1024);
});

test('each other node is asked for itself, and one that does not answer is named', async (t) => {
  const scene = await ClusterScene.open(t, {
    partitions: 2,
    rollups: [BY_TYPE],
    nodes: [{ name: 'a' }, { name: 'b' }, { name: 'c' }],
  });
  scene.assign({ a: [], b: [0], c: [1] });
  await scene.met();
  scene.node('c').kill();
  const answers = await scene.node('a').remote.askAll('who', { n: [1] }, PATIENT_MS);
  t.deepEqual(answers, [
    { node: 'b', partitions: [0], answer: { name: 'b', ask: { n: [1] } } },
    { node: 'c', partitions: [1], answer: undefined },
  ]);
});
