/** Frames before servers that answer them in every way. What the real one makes of them is told by `node/node-client.test.ts`. */
import {
  App,
  type WebSocket as Socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import test, { type ExecutionContext } from 'ava';
import { Frames } from '../../src/client/frames.ts';

const HELLO = JSON.stringify({ credit: { frames: 64, bytes: 1_000 }, frameBytesMax: 100 });

interface Site {
  readonly frames: Frames;
  /** Handshakes so far. */
  readonly connections: () => number;
}

async function site(
  t: ExecutionContext,
  answer: (body: string, socket: Socket<undefined>) => void,
  hello = HELLO,
): Promise<Site> {
  let connections = 0;
  const app = App().ws<undefined>('/v1/ws', {
    open(socket) {
      connections += 1;
      socket.send(hello);
    },
    message: (socket, bytes) => answer(Buffer.from(bytes).toString(), socket),
  });
  const port = await new Promise<number>((resolve) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening === false) return;
      t.teardown(() => us_listen_socket_close(listening));
      resolve(us_socket_local_port(listening));
    });
  });
  const frames = new Frames(() => new WebSocket(`ws://127.0.0.1:${port}/v1/ws`));
  t.teardown(() => frames.close());
  return { frames, connections: () => connections };
}

test('frames go over one connection, and each has its answer', async (t) => {
  const { frames, connections } = await site(t, (body, socket) => {
    socket.send(JSON.stringify({ accepted: body.length, rejected: 0 }));
  });
  for (const body of ['a', 'bb', 'ccc']) {
    const { status, text } = await frames.post(body);
    t.is(status, 200);
    t.is(JSON.parse(text).accepted, body.length);
  }
  t.is(connections(), 1);
});

test('a frame that is not taken is an answer that says when to come again', async (t) => {
  const said = { retryAfterMs: 1_500, error: { code: 'log_full', message: 'the log is full' } };
  const { frames } = await site(t, (_body, socket) => socket.send(JSON.stringify(said)));
  const answer = await frames.post('a');
  t.is(answer.status, 503);
  t.is(answer.retryAfter, '2');
  t.deepEqual(JSON.parse(answer.text), said);
});

test('what is longer than the server takes is not sent', async (t) => {
  const { frames } = await site(t, (_body, socket) => socket.send('{"accepted":1,"rejected":0}'));
  t.is((await frames.post('x'.repeat(101))).status, 413);
  t.is((await frames.post('x'.repeat(100))).status, 200);
});

test('without an answer a frame is rejected, and the next one connects anew', async (t) => {
  let isAway = true;
  const { frames, connections } = await site(t, (_body, socket) => {
    if (isAway) socket.end(1001, 'the server is stopping');
    else socket.send('{"accepted":1,"rejected":0}');
  });
  await t.throwsAsync(frames.post('a'), { message: /closed, 1001 the server is stopping/ });
  isAway = false;
  t.is((await frames.post('a')).status, 200);
  t.is(connections(), 2);
});

test('a connection that has ended between two frames is seen by the second', async (t) => {
  const ended = Promise.withResolvers<void>();
  const { frames, connections } = await site(t, (body, socket) => {
    socket.send('{"accepted":1,"rejected":0}');
    if (body === 'last') socket.end(1001, '');
    ended.resolve();
  });
  await frames.post('last');
  await ended.promise;
  // It may be found out by the attempt, or before.
  const { status } = await frames.post('a').catch(() => frames.post('a'));
  t.is(status, 200);
  t.is(connections(), 2);
});

test('something that is no Streamgauge takes nothing', async (t) => {
  const { frames } = await site(t, () => {}, 'welcome');
  await t.throwsAsync(frames.post('a'));
});

test('a server that is not there is an error, and no crash', async (t) => {
  const frames = new Frames(() => new WebSocket('ws://127.0.0.1:1/v1/ws'));
  await t.throwsAsync(frames.post('a'), { message: /^WebSocket: no connection/ });
});
