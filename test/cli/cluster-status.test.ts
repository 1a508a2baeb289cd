/** `streamgauge cluster status` beside somebody who answers as a node does. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { runHeard } from './heard-terminal.ts';

const NODE = { url: 'http://127.0.0.1:8081', life: 7, away: false, problem: null };
const PARTITION = { applied: 90, end: 100, problem: null };
const WELL = {
  ...{ node: 'a', generation: 4, member: true, leader: 'a', problem: null, notice: null },
  nodes: [
    { name: 'a', ...NODE, partitions: [0, 1, 3] },
    { name: 'bb', ...NODE, partitions: [2] },
  ],
  partitions: ['a', 'a', 'bb', 'a'].map((node, partition) => ({ partition, node, ...PARTITION })),
};

async function statusOf(t: ExecutionContext, cluster: object | null, ...more: string[]) {
  const server = createServer((request, response) => {
    request.resume();
    response.end(JSON.stringify({ data: { cluster } }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  return runHeard('cluster', 'status', '--url', `http://127.0.0.1:${address.port}`, ...more);
}

test('nodes and partitions are shown, and that all is well', async (t) => {
  const { exitCode, out } = await statusOf(t, WELL);
  t.is(exitCode, 0);
  t.regex(out, /as a sees it, generation 4; a leads/);
  t.regex(out, /a +here +\S+ +life 7 +0-1 3/);
  t.regex(out, /2 +bb +90 of 100, 10 behind/);
});

test('that others are configured in another way is said, and fails no script', async (t) => {
  const { exitCode, out } = await statusOf(t, { ...WELL, notice: 'in another way on bb' });
  t.is(exitCode, 0);
  t.regex(out, /a: in another way on bb/);
});

test('a script learns that a partition has nobody, or that a node is away', async (t) => {
  const [first, ...others] = WELL.partitions;
  const orphan = { ...first, node: null, problem: 'nobody has it' };
  const alone = await statusOf(t, { ...WELL, partitions: [orphan, ...others] });
  t.is(alone.exitCode, 1);
  t.regex(alone.out, /0 +- .*nobody has it/);
  const nodes = WELL.nodes.map((node) => ({ ...node, away: true }));
  t.is((await statusOf(t, { ...WELL, nodes }, '--json')).exitCode, 1);
});

test('a server that is alone says so', async (t) => {
  const { exitCode, out } = await statusOf(t, null);
  t.is(exitCode, 0);
  t.regex(out, /alone/);
});
