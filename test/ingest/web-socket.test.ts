import test, { type ExecutionContext } from 'ava';
import { pack } from 'msgpackr';
import { DEFAULT_DECODE_LIMITS } from '../../src/ingest/decode/limits.ts';
import { BYTE_CREDIT, FRAME_BYTES_MAX, FRAME_CREDIT } from '../../src/ingest/limits.ts';
import { hashSecret } from '../../src/model/access.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { send } from './send.ts';
import { startTestEdge } from './start-edge.ts';

type Message = Readonly<Record<string, unknown>>;

test('the first message grants credit, each frame is answered by its number', async (t) => {
  const { port, blocks } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws?stream=web');
  t.like(await client.next(), { credit: { frames: FRAME_CREDIT, bytes: BYTE_CREDIT } });
  client.socket.send('{"type":"a"}\n{"type":"b"}\n');
  const first = await client.next();
  t.like(first, { seq: 1, accepted: 2, rejected: 0, errors: [] });
  t.is(typeof first['position'], 'string');
  client.socket.send(new Uint8Array(pack([{ type: 'c' }, { n: 1 }])));
  const errors = [{ line: 1, code: 'missing_type' }];
  const second = await client.next();
  t.like(second, { seq: 2, accepted: 1, rejected: 1 });
  t.like(second, { errors });
  client.socket.send('');
  t.like(await client.next(), { seq: 3, accepted: 0, rejected: 0 });
  const events = (await blocks()).filter(({ rejected }) => rejected === 0);
  t.deepEqual(
    events.map(({ stream, rows }) => [stream, rows]),
    [
      ['web', 2],
      ['web', 1],
    ],
  );
});

test('a text frame is NDJSON and nothing else, a binary one MessagePack and nothing else', async (t) => {
  const { port } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws');
  const hello = await client.next();
  t.deepEqual(hello, { credit: { frames: 64, bytes: 4_194_304 }, frameBytesMax: 1_048_576 });
  client.socket.send('[{"type":"a"}]');
  t.like(await client.next(), { seq: 1, accepted: 0, rejected: 1 });
  client.socket.send('{"type":"a"}\n\nnone\n');
  t.like(await client.next(), { seq: 2, accepted: 1, errors: [{ line: 2 }] });
  client.socket.send(new TextEncoder().encode('{"type":"a"}'));
  const binary = await client.next();
  t.like(binary, { seq: 3, accepted: 0 });
  t.false('error' in binary);
  client.socket.send('{"type":"a","ts":1700000000}');
  t.like(await client.next(), { seq: 4, accepted: 1, warnings: [{ code: 'ts_in_seconds' }] });
  t.is(client.socket.protocol, 'events');
  t.is(client.socket.extensions, '');
});

test('a handshake takes no "sentAt", and passes over "ack"', async (t) => {
  const { port } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws?ack=applied');
  t.true('credit' in (await client.next()));
  await t.throwsAsync(open(t, port, '/v1/ws?sentAt=1700000000000'), { any: true });
});

test('a frame that is spooled is answered so', async (t) => {
  const { port } = await startTestEdge(t, {
    log: () => ({ refusal: undefined, append: async () => 'spooled' }),
  });
  const client = await open(t, port, '/v1/ws');
  await client.next();
  client.socket.send('{"type":"a"}');
  const answer = await client.next();
  t.deepEqual(answer, { seq: 1, accepted: 1, rejected: 0, errors: [], spooled: true });
});

test('a client that sends more than its credit is closed with the reason', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port } = await startTestEdge(t, {
    log: (log) => ({
      refusal: undefined,
      append: (blocks) => promise.then(() => log.append(blocks)),
    }),
  });
  const client = await open(t, port, '/v1/ws');
  for (let i = 0; i <= FRAME_CREDIT; i++) client.socket.send('{"type":"a"}');
  const { code, reason } = await client.closed;
  t.is(code, 1008);
  t.regex(reason, /credit/);
  resolve();
});

test('answers give credit back, so that any number of frames may follow', async (t) => {
  const { port, edge } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws');
  await client.next();
  const frames = FRAME_CREDIT * 5;
  let sent = 0;
  const seqs: unknown[] = [];
  while (seqs.length < frames) {
    while (sent < frames && sent - seqs.length < FRAME_CREDIT) {
      client.socket.send('{"type":"a"}');
      sent += 1;
    }
    seqs.push((await client.next())['seq']);
  }
  t.deepEqual(
    seqs,
    Array.from({ length: frames }, (_, i) => i + 1),
  );
  t.is(edge.counts().eventsAccepted, frames);
});

test('a frame that cannot be taken now is answered with when to send it again', async (t) => {
  const now = { ms: 1_700_000_000_000 };
  const { port, edge } = await startTestEdge(t, {
    clock: { now: () => now.ms },
    limits: { eventsPerSecondMax: 4 },
  });
  const client = await open(t, port, '/v1/ws');
  await client.next();
  client.socket.send('{"type":"a"}\n'.repeat(8));
  client.socket.send('{"type":"a"}\n');
  const messages = [await client.next(), await client.next()];
  const refused = messages.find(({ seq }) => seq === 2);
  t.like(refused, { error: { code: 'quota_exceeded' } });
  t.true(Number(refused?.['retryAfterMs']) >= 1_000);
  t.is(edge.counts().eventsAccepted, 8);
  now.ms += 2_000;
  client.socket.send('{"type":"a"}\n');
  t.like(await client.next(), { seq: 3, accepted: 1 });
});

test('frames behind one of several pieces are decoded after it, in order', async (t) => {
  const { port, blocks } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws');
  await client.next();
  const counts = [DEFAULT_DECODE_LIMITS.pieceLinesMax * 2.5, 1, 5_000, 2];
  let n = 0;
  for (const count of counts) {
    const lines = Array.from({ length: count }, () => `{"type":"a","key":"k","n":${n++}}\n`);
    client.socket.send(lines.join(''));
  }
  for (const [i, accepted] of counts.entries()) {
    t.like(await client.next(), { seq: i + 1, accepted, rejected: 0 });
  }
  const ns = (await blocks()).flatMap((block) => {
    const numbers = new Float64Array(block.rows);
    const column = block.field('n', COLUMN_KIND.number);
    if (column !== undefined) block.readNumbers(column, numbers);
    return [...numbers];
  });
  t.deepEqual(ns, [...ns.keys()]);
  t.is(ns.length, n);
});

test('a frame over the limit ends its connection only', async (t) => {
  const { port } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws');
  const neighbour = await open(t, port, '/v1/ws');
  client.socket.send('x'.repeat(FRAME_BYTES_MAX + 1));
  t.is((await client.closed).code, 1006);
  await neighbour.next();
  neighbour.socket.send('{"type":"a"}');
  t.like(await neighbour.next(), { accepted: 1 });
});

test('a handshake needs the key and a good stream name', async (t) => {
  const hash = hashSecret('sg_page');
  const keys = [
    { id: 'page', tenant: 'acme', scopes: ['write'], hash, publicSecret: 'sg_page' },
  ] as const;
  const { port } = await startTestEdge(t, { keys });
  const handshake = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  };
  const get = (path: string) => send(port, { method: 'GET', path, headers: handshake });
  t.is((await get('/v1/ws')).status, 401);
  t.is((await get('/v1/ws?key=sg_page&stream=-')).status, 400);
  const client = await open(t, port, '/v1/ws?key=sg_page');
  t.true('credit' in (await client.next()));
});

test('closing the edge tells its sockets that it goes away', async (t) => {
  const { port, edge } = await startTestEdge(t);
  const client = await open(t, port, '/v1/ws');
  await client.next();
  t.is(edge.counts().webSockets, 1);
  await edge.close();
  t.is((await client.closed).code, 1001);
});

async function open(t: ExecutionContext, port: number, path: string) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, ['events', 'other']);
  t.teardown(() => socket.close());
  const messages: Message[] = [];
  let wake = () => {};
  socket.addEventListener('message', ({ data }) => {
    messages.push(JSON.parse(String(data)));
    wake();
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const next = async (): Promise<Message> => {
    for (;;) {
      const message = messages.shift();
      if (message !== undefined) return message;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { socket, closed, next };
}
