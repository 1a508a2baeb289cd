import { connect, type Socket } from 'node:net';
import test from 'ava';
import type { WhenApplied } from '../../src/ingest/applied.ts';
import { type AccessKey, hashSecret, type Scope } from '../../src/model/access.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import { answerOn, head, send } from './send.ts';
import { startTestEdge } from './start-edge.ts';

const ONE = '{"type":"a"}\n';

const key = (tenant: string, secret: string, scopes: readonly Scope[]): AccessKey => ({
  id: `${tenant}-key`,
  tenant,
  scopes,
  hash: hashSecret(secret),
});

test('events are acknowledged when their block is in the log', async (t) => {
  const { port, blocks } = await startTestEdge(t);
  const body = '{"type":"a","id":"1","ts":1700000000000,"n":5}\n{"type":"b","id":"2"}\n';
  const answer = await send(port, { body });
  t.is(answer.status, 200);
  t.like(answer.json, { accepted: 2, rejected: 0, errors: [] });
  t.is(typeof answer.json['position'], 'string');
  const [block, ...more] = await blocks();
  t.deepEqual(more, []);
  t.like(block, { kind: BLOCK_KIND.events, rows: 2, received: 2 });
  t.like(block, { tenant: 'default', stream: 'events' });
  t.truthy(block?.field('n', COLUMN_KIND.number));
});

test('a body of several megabytes is taken whole, with line numbers of the whole body', async (t) => {
  const { port, blocks } = await startTestEdge(t);
  const line = (i: number) =>
    i === 60_000 ? 'broken' : `{"type":"a","n":${i},"pad":"${'p'.repeat(40)}"}`;
  const body = Array.from({ length: 70_000 }, (_, i) => line(i)).join('\n');
  const answer = await send(port, { body });
  t.like(answer.json, { accepted: 69_999, rejected: 1 });
  t.like(answer.json, { errors: [{ line: 60_000, code: 'invalid_json' }] });
  const received = (await blocks()).reduce((sum, block) => sum + block.received, 0);
  t.is(received, 70_000);
});

test('the first hundred errors are named, all are counted', async (t) => {
  const { port } = await startTestEdge(t);
  const answer = await send(port, { body: `${ONE}${'broken\n'.repeat(500)}` });
  t.like(answer.json, { accepted: 1, rejected: 500 });
  t.is((answer.json['errors'] as unknown[]).length, 100);
});

test('a body may come in chunks of unknown total length', async (t) => {
  const { port } = await startTestEdge(t);
  const socket = connect(port, '127.0.0.1');
  const fields = 'host: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n';
  socket.write(`POST /v1/events HTTP/1.1\r\n${fields}`);
  for (const piece of ['{"type":', '"a"}\n{"ty', 'pe":"b"}']) {
    socket.write(`${piece.length.toString(16)}\r\n${piece}\r\n`);
  }
  socket.write('0\r\n\r\n');
  t.like((await answerOn(socket)).json, { accepted: 2 });
  socket.destroy();
});

test('keys give the tenant, as a header or in the address', async (t) => {
  const keys = [key('acme', 'sg_a', ['write']), key('other', 'sg_o', ['write', 'read'])];
  const { port, blocks } = await startTestEdge(t, { keys });
  const asHeader = await send(port, { headers: { authorization: 'bearer sg_a' }, body: ONE });
  const inAddress = await send(port, { path: '/v1/events?key=sg_o&stream=web', body: ONE });
  t.deepEqual([asHeader.status, inAddress.status], [200, 200]);
  const unknown = await send(port, { path: '/v1/events?key=sg_x', body: ONE });
  t.is(unknown.headers['www-authenticate'], 'Bearer');
  const targets = (await blocks()).map(({ tenant, stream }) => `${tenant}/${stream}`);
  t.deepEqual(targets, ['acme/events', 'other/web']);
});

test('a tenant over its quota is told when to come back, another is not', async (t) => {
  const now = { ms: 1_700_000_000_000 };
  const keys = [key('acme', 'sg_a', ['write']), key('other', 'sg_o', ['write'])];
  const { port } = await startTestEdge(t, {
    keys,
    clock: { now: () => now.ms },
    limits: { eventsPerSecondMax: 10 },
  });
  const post = (secret: string, events: number) =>
    send(port, { path: `/v1/events?key=${secret}`, body: ONE.repeat(events) });
  t.is((await post('sg_a', 45)).status, 200, 'a large batch passes, and leaves a debt');
  const refused = await post('sg_a', 1);
  t.like(refused, { status: 429, headers: { 'retry-after': '4' } });
  t.like(refused.json, { error: { code: 'quota_exceeded', limit: 10 } });
  t.regex(refused.text, /used up what limits\.eventsPerSecondMax allows \(10\)/);
  t.is((await post('sg_o', 1)).status, 200);
  now.ms += 4_000;
  t.is((await post('sg_a', 1)).status, 200);
});

test('while the log refuses, senders get 503 before their body is read', async (t) => {
  const state: { refusal: 'log_full' | undefined } = { refusal: 'log_full' };
  const { port } = await startTestEdge(t, {
    log: (log) => ({
      append: (blocks) => log.append(blocks),
      get refusal() {
        return state.refusal;
      },
    }),
  });
  const refused = await send(port, { headers: { 'content-length': '1000' } });
  t.is(refused.status, 503);
  t.true(Number(refused.headers['retry-after']) > 0);
  t.like(refused.json, { error: { code: 'log_full' } });
  t.is((await send(port, { method: 'GET', path: '/readyz' })).status, 503);
  state.refusal = undefined;
  t.is((await send(port, { body: ONE })).status, 200);
  t.is((await send(port, { method: 'GET', path: '/readyz' })).status, 200);
});

test('an append that fails is a 503, and the next one is taken', async (t) => {
  let fails = true;
  const { port } = await startTestEdge(t, {
    log: (log) => ({
      refusal: undefined,
      append: (blocks) =>
        fails ? Promise.reject(new AppError('log_backpressure', 'behind')) : log.append(blocks),
    }),
  });
  const refused = await send(port, { body: ONE });
  t.like(refused, { status: 503, headers: { 'retry-after': '1' } });
  fails = false;
  t.is((await send(port, { body: ONE })).status, 200);
});

test('ack=applied waits for the aggregates and tells the duplicates', async (t) => {
  const asked: unknown[] = [];
  const whenApplied: WhenApplied = async (rows) => {
    asked.push(rows);
    return asked.length === 1 ? 1 : undefined;
  };
  const { port } = await startTestEdge(t, { needs: { whenApplied } });
  const post = () => send(port, { path: '/v1/events?ack=applied', body: `${ONE}${ONE}` });
  t.like((await post()).json, { accepted: 2, applied: true, duplicates: 1 });
  const late = await post();
  t.is(late.status, 200);
  t.is(late.json['applied'], false);
  t.false('duplicates' in late.json);
  t.like(asked[0], [{ partition: 0, rowFrom: 0, rowTo: 2 }]);
});

test('what is spooled is answered without a position, and ack=applied does not wait for it', async (t) => {
  let isSpooling = true;
  const { port } = await startTestEdge(t, {
    log: (log) => ({
      refusal: undefined,
      append: async (blocks) => (isSpooling ? 'spooled' : log.append(blocks)),
    }),
    needs: { whenApplied: async () => 0, readyNote: () => 'events are spooled' },
  });
  const durable = await send(port, { body: ONE });
  t.is(durable.status, 200);
  t.deepEqual(durable.json, { accepted: 1, rejected: 0, errors: [], spooled: true });
  const applied = await send(port, { path: '/v1/events?ack=applied', body: `${ONE}{}\n` });
  t.like(applied.json, { accepted: 1, rejected: 1, spooled: true, applied: false });
  t.false('position' in applied.json);
  isSpooling = false;
  const direct = await send(port, { body: ONE });
  t.is(typeof direct.json['position'], 'string');
  t.false('spooled' in direct.json);
  const ready = await send(port, { method: 'GET', path: '/readyz' });
  t.deepEqual(ready.json, { status: 'ready', note: 'events are spooled' });
});

test('a page may send where its origin is allowed, and nowhere else', async (t) => {
  const { port } = await startTestEdge(t, { corsOrigins: ['https://shop.example'] });
  const from = (origin: string) => ({ headers: { origin }, body: ONE });
  const allowed = await send(port, from('https://shop.example'));
  t.is(allowed.status, 200);
  t.is(allowed.headers['access-control-allow-origin'], 'https://shop.example');
  t.is(allowed.headers['vary'], 'Origin');
  const foreign = await send(port, from('https://evil.example'));
  t.like(foreign.json, { error: { code: 'origin_not_allowed' } });
  t.is(foreign.headers['access-control-allow-origin'], undefined);
  const asked = await send(port, { ...from('https://shop.example'), method: 'OPTIONS', body: '' });
  t.is(asked.status, 204);
  t.is(asked.headers['access-control-allow-methods'], 'POST');
  t.regex(String(asked.headers['access-control-allow-headers']), /Authorization/);
});

test('every origin may send by default, without credentials', async (t) => {
  const { port } = await startTestEdge(t);
  const answer = await send(port, { headers: { origin: 'https://a.example' }, body: ONE });
  t.is(answer.headers['access-control-allow-origin'], '*');
  t.is(answer.headers['access-control-allow-credentials'], undefined);
});

test('connections past the limit are told so, and the others stay', async (t) => {
  const { port } = await startTestEdge(t, { limits: { connectionsMax: 2 } });
  const sockets = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')];
  for (const socket of sockets) {
    socket.write(head({ body: ONE }) + ONE);
    t.is((await answerOn(socket)).status, 200);
  }
  // Told at the door, before it has asked for anything.
  const refused = await answerOn(connect(port, '127.0.0.1'));
  t.like(refused.json, { error: { code: 'too_many_connections' } });
  for (const socket of sockets) {
    socket.write(head({ body: ONE }) + ONE);
    t.is((await answerOn(socket)).status, 200);
    socket.destroy();
  }
});

test('a request that is refused early leaves its connection usable', async (t) => {
  const { port } = await startTestEdge(t);
  const socket = connect(port, '127.0.0.1');
  const body = 'x'.repeat(300_000);
  socket.write(head({ path: '/v1/events?stream=-', body }) + body);
  t.is((await answerOn(socket)).status, 400);
  socket.write(head({ body: ONE }) + ONE);
  t.is((await answerOn(socket)).status, 200);
  socket.destroy();
});

/** Also of one that is reset, because what it has sent was not read. */
const closing = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => {}).once('close', () => resolve());
  });

test('behind a proxy two different lengths of a body are refused, and the connection ends', async (t) => {
  const { port } = await startTestEdge(t, { trustedProxies: ['10.0.0.0/8'] });
  const lengths = (first: number, second: number) => ({
    headers: { 'content-length': String(first), 'Content-Length': String(second) },
    body: ONE,
  });
  const socket = connect(port, '127.0.0.1');
  const ended = closing(socket);
  socket.write(head(lengths(ONE.length, 5)) + ONE);
  const answer = await answerOn(socket);
  t.is(answer.status, 400);
  t.like(answer.json, { error: { code: 'invalid_length' } });
  await ended;
  t.is((await send(port, lengths(ONE.length, ONE.length))).status, 200);
});

test('what the shorter of two lengths leaves behind is not taken for a request', async (t) => {
  const { port, blocks } = await startTestEdge(t, { trustedProxies: ['10.0.0.0/8'] });
  const hidden = head({ body: ONE }) + ONE;
  const headers = { 'content-length': '0', 'Content-Length': String(hidden.length) };
  for (const path of ['/v1/events', '/v1/events?stream=-']) {
    const socket = connect(port, '127.0.0.1');
    const ended = closing(socket);
    socket.write(head({ path, headers }) + hidden);
    socket.resume();
    await ended;
  }
  t.is((await send(port, { body: ONE })).status, 200);
  t.is((await blocks()).length, 1);
});

test('closing answers what is in progress and refuses what comes after', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port, edge } = await startTestEdge(t, {
    log: (log) => ({
      refusal: undefined,
      append: async (blocks) => {
        await promise;
        return log.append(blocks);
      },
    }),
  });
  const idle = connect(port, '127.0.0.1');
  const pending = send(port, { body: ONE });
  while (edge.counts().eventsAccepted === 0) await new Promise(setImmediate);
  const closing = edge.close();
  idle.write(head({ body: ONE }) + ONE);
  t.like((await answerOn(idle)).json, { error: { code: 'shutting_down' } });
  resolve();
  t.is((await pending).status, 200);
  await closing;
  await t.throwsAsync(send(port, { body: ONE }));
});

test('counts say what happened', async (t) => {
  const { port, edge } = await startTestEdge(t);
  await send(port, { body: `${ONE}broken\n` });
  const nowhere = await send(port, { path: '/nowhere', body: '' });
  t.regex(nowhere.text, /POST \/v1\/events, .*GET \/v1\/pixel\.gif/);
  const counts = edge.counts();
  t.deepEqual(counts.replies, { 200: 1, 404: 1 });
  t.deepEqual(counts.refusals, { not_found: 1 });
  t.deepEqual(counts.eventsRejected, { invalid_json: 1 });
  t.like(counts, { eventsAccepted: 1, blocks: 2, appends: 1, appendsFailed: 0 });
  t.like(counts, { requestsInProgress: 0, bodyMemoryBytes: 0 });
});
