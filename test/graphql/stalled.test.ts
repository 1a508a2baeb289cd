import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import type { ExecutionResult } from 'graphql';
import { LIVE_HISTORY_MESSAGES } from '../../src/query/limits.ts';
import type { Scheduler } from '../../src/query/live-query.ts';
import { TENANT } from '../query/partitions.ts';
import { ask, openTestListener } from './listener.ts';

/** A clock's second is 20 ms here: what is tested is who holds how much, not how long it takes. */
const hasty: Scheduler = {
  after(ms, callback) {
    const timer = setTimeout(callback, ms / 50);
    return () => clearTimeout(timer);
  },
};

const SERIES = 400;
const LABEL = 'x'.repeat(900);
/** One change of all series, as JSON. */
const MESSAGE_BYTES = SERIES * LABEL.length;
/** More than the kernel holds for a socket on both its ends, several times over. */
const MESSAGES = 120;

/** An answer of some 7 MB: more than a socket takes at once. */
const REPEATS = Array.from({ length: 20 }, (_, i) => `l${i}: labels { value }`).join(' ');
const WIDE_QUERY = `{
  timeseries(last: "1h", step: "1h", groupBy: ["country"], limit: ${SERIES}) { series { ${REPEATS} } }
}`;
const WIDE_ANSWERS = 4;

const QUERY = `subscription {
  timeseries(last: "10s", step: "1s", groupBy: ["country"], limit: ${SERIES}) {
    cursor snapshot gap droppedMessages series { labels { value } points { t values { value } } }
  }
}`;

/** Sends events until the live query has had so many changes that a reader who took none must have lost some. */
async function produce({ memory, queries }: Awaited<ReturnType<typeof openTestListener>>) {
  const measures = [{ op: 'count' as const }];
  const [lastMs, stepMs, limit] = [10_000, 1_000, SERIES] as const;
  const request = {
    tenant: TENANT,
    stream: 'events',
    lastMs,
    stepMs,
    measures,
    groupBy: ['country'],
    limit,
  };
  const watcher = queries.subscribe(request);
  let bytes = 0;
  while (bytes < MESSAGES * MESSAGE_BYTES) {
    const ts = Date.now();
    memory.apply(0, eventOfEach(ts), ts);
    const { value } = await watcher.next();
    bytes += (value?.answer.series.length ?? 0) * LABEL.length;
  }
  await watcher.return?.();
}

const eventOfEach = (ts: number) =>
  Array.from({ length: SERIES }, (_, i) => ({ ts, type: 'a', country: `${i}${LABEL}` }));

/** Reads until a gap and the snapshot after it have come; answers what came before the gap, and how much was dropped. */
async function readPastGap(socket: Socket) {
  let text = '';
  let bytesBefore = 0;
  const gap = /"gap":true,"droppedMessages":(\d+)/;
  for await (const chunk of socket) {
    text += chunk;
    const found = gap.exec(text);
    if (found === null) {
      bytesBefore += chunk.length;
      text = text.slice(-100);
    } else if (/"snapshot":true/.test(text.slice(found.index))) {
      return { bytesBefore, dropped: Number(found[1]) };
    }
  }
  throw new Error('the connection ended before a gap came');
}

async function requester(t: ExecutionContext, port: number, request: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(request);
  return socket;
}

async function untilReceived(socket: Socket, text: string): Promise<void> {
  let received = '';
  while (!received.includes(text)) received += (await once(socket, 'data'))[0];
}

async function openWebSocket(t: ExecutionContext, port: number): Promise<Socket> {
  const socket = await requester(
    t,
    port,
    `GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n' +
      'Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n',
  );
  await untilReceived(socket, '101 Switching');
  socket.write(textFrame(JSON.stringify({ type: 'connection_init' })));
  await untilReceived(socket, 'connection_ack');
  return socket;
}

/** A short text frame from a client, masked with zeros. */
function textFrame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(8);
  head[0] = 0x81;
  head[1] = 0x80 | 126;
  head.writeUInt16BE(body.length, 2);
  return Buffer.concat([head, body]);
}

function subscribe(socket: Socket, id: string, query: string): void {
  socket.write(textFrame(JSON.stringify({ id, type: 'subscribe', payload: { query } })));
}

/** The messages that come, of unmasked frames that are no pieces of others. */
async function* messagesOf(socket: Socket): AsyncGenerator<Message> {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let wanted = 2;
  for await (const chunk of socket) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) continue;
    let rest = Buffer.concat(chunks);
    for (;;) {
      const { start, end } = boundsOf(rest);
      wanted = end;
      if (rest.length < end) break;
      yield JSON.parse(rest.toString('utf8', start, end));
      rest = rest.subarray(end);
    }
    chunks = [rest];
    bytes = rest.length;
  }
}

interface Message {
  readonly id: string;
  readonly type: string;
  readonly payload?: ExecutionResult<{ timeseries: { series: readonly unknown[] } }>;
}

/** Where the payload of the first frame starts and ends; of a head that is not whole, where that ends at least. */
function boundsOf(frame: Buffer): { readonly start: number; readonly end: number } {
  const short = (frame[1] ?? 0) & 0x7f;
  const start = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (frame.length < start) return { start, end: start };
  if (short === 127) return { start, end: start + Number(frame.readBigUInt64BE(2)) };
  return { start, end: start + (short === 126 ? frame.readUInt16BE(2) : short) };
}

function holds(
  t: ExecutionContext,
  { bytesBefore, dropped }: { bytesBefore: number; dropped: number },
) {
  t.true(dropped > LIVE_HISTORY_MESSAGES);
  // What lay between server and reader was less than half of what was said: the rest was never made.
  t.true(bytesBefore < (MESSAGES * MESSAGE_BYTES) / 2, `${bytesBefore} bytes`);
}

test('a WebSocket that is not read holds a bounded number of messages, then gets a gap and a snapshot', async (t) => {
  const listener = await openTestListener(t, { scheduler: hasty });
  const { port, queries } = listener;
  const socket = await openWebSocket(t, port);
  socket.pause();
  subscribe(socket, '1', QUERY);
  while (queries.live.subscribers === 0) await new Promise(setImmediate);
  await produce(listener);
  socket.resume();
  holds(t, await readPastGap(socket));
});

test('an SSE stream that is not read likewise', async (t) => {
  const listener = await openTestListener(t, { scheduler: hasty });
  const { port, queries } = listener;
  const body = JSON.stringify({ query: QUERY });
  const socket = await requester(
    t,
    port,
    `POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  socket.pause();
  while (queries.live.subscribers === 0) await new Promise(setImmediate);
  await produce(listener);
  socket.resume();
  holds(t, await readPastGap(socket));
});

test('a WebSocket that is not read for a while gets all of several wide answers, and need not say anything for it', async (t) => {
  const { port, url, memory } = await openTestListener(t);
  const now = Date.now();
  memory.apply(0, eventOfEach(now), now);
  const socket = await openWebSocket(t, port);
  socket.pause();
  for (let i = 0; i < WIDE_ANSWERS; i++) subscribe(socket, `${i}`, WIDE_QUERY);
  // Wide answers are written one after the other: when this one is there, more waits than sockets hold.
  await ask(url, WIDE_QUERY);
  socket.resume();
  const whole = new Set<string>();
  for await (const { id, type, payload } of messagesOf(socket)) {
    if (type === 'next') t.is(payload?.data?.timeseries.series.length, SERIES);
    else if (type === 'complete') whole.add(id);
    if (whole.size === WIDE_ANSWERS) break;
  }
  t.is(whole.size, WIDE_ANSWERS);
});
