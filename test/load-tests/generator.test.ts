import * as uWS from 'uWebSockets.js';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { buildBodies } from '../../load-tests/bodies.ts';
import {
  acceptedAll,
  httpFraming,
  openHttpSender,
  parseReply,
} from '../../load-tests/generator/http-sender.ts';
import type { LoadOptions } from '../../load-tests/generator/protocol.ts';
import { BodySource } from '../../load-tests/generator/source.ts';
import { openWebSocketSender } from '../../load-tests/generator/websocket-sender.ts';
import { readFrames, websocketFraming } from '../../load-tests/websocket-frames.ts';
import { freePort } from '../free-port.ts';

const WORKLOAD = { seed: 3, source: 1, bodies: 12, eventsPerBody: 20 };

function load(port: number, transport: LoadOptions['transport']): LoadOptions {
  return {
    transport,
    host: '127.0.0.1',
    port,
    stream: 'events',
    connections: 3,
    workload: WORKLOAD,
  };
}

const idsOf = (payload: Uint8Array): string[] =>
  Buffer.from(payload)
    .toString('latin1')
    .match(/(?<="id":")[0-9a-f]+/g) ?? [];

/** Counts how often each id was accepted, and by its rule fails some requests. */
function sink(
  t: ExecutionContext,
  fail: (request: number) => 'accept' | 'refuse' | 'drop' | 'lose',
) {
  const accepted = new Map<string, number>();
  let requests = 0;
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const ids = idsOf(await buffer(request));
    const verdict = fail(requests++);
    if (verdict === 'drop') return request.socket.destroy();
    if (verdict === 'refuse') return response.writeHead(503, { 'retry-after': '1' }).end('{}');
    for (const id of ids) accepted.set(id, (accepted.get(id) ?? 0) + 1);
    // The answer is lost: the sender cannot know that the batch was taken.
    if (verdict === 'lose') return request.socket.destroy();
    return response.end(`{"accepted":${ids.length},"rejected":0,"errors":[],"position":""}`);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, accepted };
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('expected a port');
  return address.port;
}

test('whatever fails, at a drain each acknowledged id has been accepted, and only lost answers repeat', async (t) => {
  const verdicts = ['accept', 'accept', 'refuse', 'accept', 'drop', 'accept', 'lose'] as const;
  const { server, accepted } = sink(
    t,
    (request) => verdicts[request % verdicts.length] ?? 'accept',
  );
  const options = load(await listening(server), 'ndjson');
  const source = new BodySource(buildBodies(WORKLOAD, 'ndjson', httpFraming(options)), {});
  const senders = [1, 2, 3].map(() => openHttpSender(options, source));
  t.teardown(() => {
    for (const sender of senders) sender.close();
  });
  source.resume();
  for (let i = 0; i < 40; i++) await source.nextAcknowledgement();
  const events = await source.drain();

  const { refused, reconnects, unexpected, requests } = source.measure();
  t.is(accepted.size, events);
  t.is(requests * WORKLOAD.eventsPerBody, events);
  t.true(refused > 0 && reconnects > 0);
  t.deepEqual(unexpected, []);
  const repeated = [...accepted.values()].filter((times) => times > 1).length;
  const truth = source.truth();
  t.true(repeated > 0 && repeated <= truth.resent);
  t.is(
    truth.acknowledgements.reduce((sum, times) => sum + times, 0),
    requests,
  );
});

test('every second body is sent again after its acknowledgement, and counted once', async (t) => {
  const { server, accepted } = sink(t, () => 'accept');
  const options = load(await listening(server), 'ndjson');
  const bodies = buildBodies(WORKLOAD, 'ndjson', httpFraming(options));
  const source = new BodySource(bodies, { repeatEvery: 2 });
  const sender = openHttpSender(options, source);
  t.teardown(() => sender.close());
  source.resume();
  for (let i = 0; i < 20; i++) await source.nextAcknowledgement();
  const events = await source.drain();
  const { resent } = source.truth();
  t.is(accepted.size, events);
  const times = [...accepted.values()];
  t.is(times.filter((sendings) => sendings === 2).length, resent);
  t.is(Math.max(...times), 2);
  t.true(resent > 0);
});

test('an answer that no correct server gives is reported and counted in no truth', async (t) => {
  const { server } = sink(t, () => 'accept');
  server.removeAllListeners('request');
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    await buffer(request);
    response.end('{"accepted":19,"rejected":1,"errors":[]}');
  });
  const options = load(await listening(server), 'ndjson');
  const source = new BodySource(buildBodies(WORKLOAD, 'ndjson', httpFraming(options)), {});
  const sender = openHttpSender(options, source);
  t.teardown(() => sender.close());
  source.resume();
  await once(server, 'request');
  t.is(await source.drain(), 0);
  t.regex(source.measure().unexpected[0] ?? '', /^200 \{"accepted":19/);
});

test('a paced source does not send more than its rate', async (t) => {
  const { server, accepted } = sink(t, () => 'accept');
  const options = load(await listening(server), 'ndjson');
  const bodies = buildBodies(WORKLOAD, 'ndjson', httpFraming(options));
  const source = new BodySource(bodies, { eventsPerSecond: 2_000 });
  const sender = openHttpSender(options, source);
  t.teardown(() => {
    sender.close();
    source.close();
  });
  source.resume();
  for (let i = 0; i < 10; i++) await source.nextAcknowledgement();
  await source.drain();
  const { seconds } = source.measure();
  // A tenth of a second may be made up for, and the last body may run over.
  t.true(accepted.size <= 2_000 * (seconds + 0.1) + 2 * WORKLOAD.eventsPerBody);
});

test('WebSocket frames are sent as far as the credit goes, and each is acknowledged', async (t) => {
  const ids = new Map<string, number>();
  let unanswered = 0;
  let unansweredMost = 0;
  const app = uWS.App().ws<{ seq: number }>('/v1/ws', {
    maxPayloadLength: 2 ** 20,
    open(socket) {
      socket.getUserData().seq = 0;
      socket.send(JSON.stringify({ credit: { frames: 2, bytes: 2 ** 20 } }));
    },
    message(socket, message) {
      const received = idsOf(new Uint8Array(message));
      unanswered++;
      unansweredMost = Math.max(unansweredMost, unanswered);
      const seq = ++socket.getUserData().seq;
      setImmediate(() => {
        unanswered--;
        if (seq % 5 === 0) return void socket.send(JSON.stringify({ seq, retryAfterMs: 1 }));
        for (const id of received) ids.set(id, (ids.get(id) ?? 0) + 1);
        socket.send(JSON.stringify({ seq, accepted: received.length, rejected: 0, position: '' }));
      });
    },
  });
  const port = await new Promise<number>((resolve) => {
    app.listen('127.0.0.1', 0, (socket) => resolve(uWS.us_socket_local_port(socket)));
  });
  t.teardown(() => app.close());
  const bodies = buildBodies(WORKLOAD, 'ndjson', websocketFraming);
  const source = new BodySource(bodies, {});
  const largest = Math.max(...bodies.map(({ bytes }) => bytes.length));
  const sender = openWebSocketSender(load(port, 'websocket'), source, largest);
  t.teardown(() => sender.close());
  source.resume();
  for (let i = 0; i < 20; i++) await source.nextAcknowledgement();
  const events = await source.drain();
  t.is(ids.size, events);
  t.true([...ids.values()].every((times) => times === 1));
  t.true(source.measure().refused > 0);
  t.is(unansweredMost, 2);
});

test('a reply is read from however many pieces', (t) => {
  const reply =
    'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbody';
  for (let length = 0; length < reply.length; length++)
    t.is(parseReply(reply.slice(0, length)), undefined);
  t.deepEqual(parseReply(reply), { status: 503, text: 'body' });
});

test('only the full count without rejections is an acceptance', (t) => {
  t.true(acceptedAll('{"accepted":10,"rejected":0,"errors":[]}', 10));
  t.false(acceptedAll('{"accepted":100,"rejected":0,"errors":[]}', 10));
  t.false(acceptedAll('{"accepted":10,"rejected":1,"errors":[]}', 10));
});

test('WebSocket frames of every header length survive being cut anywhere', (t) => {
  for (const length of [0, 125, 126, 65_535, 65_536]) {
    // What a server sends is not masked: the header without its mask bit and key.
    const header = websocketFraming(length).subarray(0, -4);
    header[1] = (header[1] as number) & 0x7f;
    const frame = Buffer.concat([header, Buffer.alloc(length, 'x')]);
    const cut = Math.floor(frame.length / 2);
    const lengths: number[] = [];
    const note = (_: number, payload: Buffer) => lengths.push(payload.length);
    const rest = readFrames(frame.subarray(0, cut), note);
    t.deepEqual(lengths, []);
    t.is(readFrames(Buffer.concat([rest, frame.subarray(cut), frame]), note).length, 0);
    t.deepEqual(lengths, [length, length]);
  }
});

test('a sender waits for a server that is not there yet', async (t) => {
  const port = await freePort();
  const options = load(port, 'ndjson');
  const source = new BodySource(buildBodies(WORKLOAD, 'ndjson', httpFraming(options)), {});
  const sender = openHttpSender(options, source);
  t.teardown(() => sender.close());
  source.resume();
  const { server, accepted } = sink(t, () => 'accept');
  server.listen(port, '127.0.0.1');
  await source.nextAcknowledgement();
  t.is(await source.drain(), accepted.size);
});
