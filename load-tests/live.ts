/** Live queries under load: how soon an acknowledged event is seen, and what a reader that stalls costs and gets. */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StampedBody } from './bodies.ts';
import { LIVE_TRANSPORTS, type LiveTransport, subscribe, type Update } from './live-query.ts';
import { postEvents } from './post-events.ts';
import type { Server } from './server.ts';
import { type Truth, TruthCounter } from './truth.ts';
import { websocketFraming } from './websocket-frames.ts';
import { EVENT_TYPES, type EventTemplate, hex, STREAM, TS_PLACEHOLDER, URLS } from './workload.ts';

/** No event of the load comes from there, so the probes can be told from it in the same rollup. */
const PROBE_COUNTRY = 'ZZ';
/** Not used by any generator. */
const PROBE_SOURCE = 0xfffe;
const PROBE_EVERY_MS = 250;
const SEEN_MS_MAX = 30_000;

const PROBES_LIVE = `subscription {
  timeseries(
    stream: "${STREAM}", last: "10m", step: "1s", measures: [{op: count}]
    where: {field: "country", eq: "${PROBE_COUNTRY}"}
  ) { snapshot gap series { points { t values { value } } } }
}`;

/** 1,000 series of 60 points, most of which change while they are the newest. No two limits share their work. */
const wideLive = (limit: number, copies = 1): string => `subscription {
  timeseries(
    stream: "${STREAM}", last: "1m", step: "1s", measures: [{op: count}], groupBy: ["url"], limit: ${limit}
  ) {
    cursor snapshot gap
    ${Array.from({ length: copies }, (_, i) => `s${i}: series { ...parts }`).join(' ')}
  }
}
fragment parts on Series { labels { value } points { t values { value } } }`;
const WIDE_SERIES = URLS;
/** How often a message repeats itself to a reader that stalls: what it leaves unread has to fill the sockets' buffers. */
const STALLED_COPIES = 4;
/** How a message of `wideLive` begins. */
const MESSAGE_HEAD = /"cursor":"[^".]+\.([0-9a-z]+)","snapshot":(?:true|false),"gap":(true|false)/g;
const LOOKED_FOR_CHARS_MAX = 120;

export interface LiveResult {
  readonly transport: LiveTransport;
  /** From the acknowledgement of an event to the message that counts it, ascending. */
  readonly seenAfterMs: readonly number[];
}

/** Opens so many different wide live queries, half over each transport, and reads what they say. Answers what ends them. */
export async function readWide(server: Server, queries: number): Promise<() => void> {
  const closers = await Promise.all(
    Array.from({ length: queries }, (_, i) => {
      const transport = LIVE_TRANSPORTS[i % LIVE_TRANSPORTS.length] as LiveTransport;
      return subscribe(server, transport, wideLive(WIDE_SERIES - i), () => {});
    }),
  );
  return () => {
    for (const close of closers) close();
  };
}

/** Sends `probes` single events, one after the other, and answers what they add to the truth. `sent`: by calls before. */
export async function probeLive(
  server: Server,
  probes: number,
  sent: number,
): Promise<{ results: LiveResult[]; truth: Truth }> {
  const readers = await Promise.all(
    LIVE_TRANSPORTS.map(async (transport) => {
      const counter = new ProbeCounter(sent);
      const close = await subscribe(server, transport, PROBES_LIVE, (u) => counter.update(u));
      return { transport, counter, close };
    }),
  );
  const probe = new StampedBody(0, [PROBE], 'ndjson', () => new Uint8Array(0));
  const truth = new TruthCounter(1);
  const acknowledgedAt: number[] = [];
  for (let i = 0; i < probes; i++) {
    probe.stamp(sent + i, Date.now());
    await postEvents(server, STREAM, new Uint8Array(probe.bytes), { retryMs: PROBE_EVERY_MS });
    acknowledgedAt.push(performance.now());
    truth.add(probe);
    await sleep(PROBE_EVERY_MS);
  }
  const deadline = performance.now() + SEEN_MS_MAX;
  while (readers.some(({ counter }) => counter.seenAt.length < probes)) {
    if (performance.now() > deadline) {
      const seen = readers.map(({ transport, counter }) => `${transport} ${counter.seenAt.length}`);
      throw new Error(`${probes} events were acknowledged, live queries show: ${seen.join(', ')}`);
    }
    await sleep(PROBE_EVERY_MS);
  }
  for (const { close } of readers) close();
  const results = readers.map(({ transport, counter }) => ({
    transport,
    seenAfterMs: acknowledgedAt
      .map((at, i) => Math.max(0, (counter.seenAt[i] as number) - at))
      .sort((a, b) => a - b),
  }));
  return { results, truth: truth.read() };
}

/** Folds updates as a client would; notes when the n-th probe was first counted. */
class ProbeCounter {
  readonly seenAt: number[] = [];
  readonly #counts = new Map<number, number>();
  readonly #before: number;

  constructor(before: number) {
    this.#before = before;
  }

  update({ snapshot, series }: Update): void {
    if (snapshot) this.#counts.clear();
    for (const { points } of series) {
      for (const { t, values } of points) this.#counts.set(t, values[0]?.value ?? 0);
    }
    const total = [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
    while (this.seenAt.length < total - this.#before) this.seenAt.push(performance.now());
  }
}

export interface StallResult {
  readonly transport: LiveTransport;
  /** Growth of the server's resident memory while the reader stalled; under load this is mostly noise. */
  readonly grownBytes: number;
  /** Messages that it got before it was told of the gap, or in all if it never was. */
  readonly messages: number;
  readonly hasGap: boolean;
  /** Messages were left out without a word. */
  readonly hasHole: boolean;
}

/** Subscribes widely, reads nothing for `stallMs`, then reads until a gap is told or the time is up. */
export async function stallReader(
  server: Server,
  transport: LiveTransport,
  stallMs: number,
): Promise<StallResult> {
  const socket = connect({ host: server.host, port: server.queryPort, noDelay: true });
  let received = '';
  let onData = (): void => {};
  const sequence = new MessageSequence();
  socket.on('data', (chunk) => {
    // What is looked for is short; it may lie across two chunks.
    const text = received.slice(-LOOKED_FOR_CHARS_MAX) + chunk.toString('latin1');
    sequence.read(text);
    received = text;
    onData();
  });
  const sees = (text: string, timeoutMs: number): Promise<boolean> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      socket.once('error', () => resolve(false));
      onData = () => {
        if (!received.includes(text)) return;
        clearTimeout(timer);
        resolve(true);
      };
    });
  const expect = async (text: string): Promise<void> => {
    if (await sees(text, SEEN_MS_MAX)) return;
    throw new Error(`expected "${text}" from the query listener, received ${received}`);
  };
  const query = wideLive(WIDE_SERIES, STALLED_COPIES);
  if (transport === 'sse') {
    socket.write(sseRequest(server, query));
    await expect('HTTP/1.1 200');
  } else {
    socket.write(websocketHead(server));
    await expect('HTTP/1.1 101');
    sendText(socket, { type: 'connection_init' });
    await expect('connection_ack');
    sendText(socket, { id: 'wide', type: 'subscribe', payload: { query } });
  }
  socket.pause();
  const before = server.usage().rssBytes;
  await sleep(stallMs);
  const grownBytes = server.usage().rssBytes - before;
  const told = sees('"gap":true', SEEN_MS_MAX);
  socket.resume();
  const hasGap = await told;
  socket.destroy();
  const { messages, hasHole } = sequence;
  return { transport, grownBytes, messages, hasGap, hasHole };
}

/** Reads the numbers that cursors end in: each message is the next one, or behind a gap. */
class MessageSequence {
  messages = 0;
  hasHole = false;
  #last: number | undefined;

  /** May be given the same messages again. */
  read(text: string): void {
    for (const [, number, gap] of text.matchAll(MESSAGE_HEAD)) {
      const sequence = Number.parseInt(number as string, 36);
      if (gap === 'true') this.#last = sequence;
      if (this.#last !== undefined && sequence <= this.#last) continue;
      if (this.#last !== undefined && sequence > this.#last + 1) this.hasHole = true;
      this.#last = sequence;
      this.messages += 1;
    }
  }
}

const PROBE: EventTemplate = {
  ...{ id: hex(PROBE_SOURCE, 4) + '0'.repeat(16), type: 0, lag: 0, user: 0, durationMs: 1 },
  fields: {
    id: hex(PROBE_SOURCE, 4) + '0'.repeat(16),
    ts: TS_PLACEHOLDER,
    type: EVENT_TYPES[0],
    country: PROBE_COUNTRY,
    user: 'probe',
    duration_ms: 1,
  },
};

function websocketHead({ host, queryPort }: Server): string {
  return (
    `GET /graphql HTTP/1.1\r\nHost: ${host}:${queryPort}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n' +
    'Sec-WebSocket-Key: c3RyZWFtZ2F1Z2UtbG9hZA==\r\n\r\n'
  );
}

function sseRequest({ host, queryPort }: Server, query: string): string {
  const body = JSON.stringify({ query });
  return (
    `POST /graphql HTTP/1.1\r\nHost: ${host}:${queryPort}\r\nAccept: text/event-stream\r\n` +
    `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

function sendText(socket: Socket, message: object): void {
  const payload = Buffer.from(JSON.stringify(message));
  socket.write(Buffer.concat([websocketFraming(payload.length), payload]));
}
