/** What goes wrong before there is a session. What goes well, and wrong, within one is in test/services/hive-tables.test.ts. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { connectHive, type HiveServer } from '../../src/hive/hive-client.ts';
import { isFault } from '../../src/model/errors.ts';

const SOON = { connectMs: 200, callMs: 200, statementMs: 200 };
const LATE = { connectMs: 60_000, callMs: 60_000, statementMs: 60_000 };
const AUTHS = ['plain', 'nosasl'] as const;

for (const auth of AUTHS) {
  test(`${auth}: a server that does not answer is given up`, async (t) => {
    const server = await listen(t, () => undefined);
    const error = await failure(t, connectHive({ ...server, auth }, undefined, SOON));
    t.regex(error, /no answer after 200 ms/);
  });

  test(`${auth}: a server that hangs up ends the attempt at once`, async (t) => {
    const server = await listen(t, (socket) => socket.end());
    const error = await failure(t, connectHive({ ...server, auth }, undefined, LATE));
    t.regex(error, /closed the connection|EPIPE|ECONNRESET/);
  });

  test(`${auth}: a port that nobody listens on ends it at once`, async (t) => {
    const error = await failure(
      t,
      connectHive({ ...NOBODY, auth, port: await closedPort() }, undefined, LATE),
    );
    t.regex(error, /127\.0\.0\.1:\d+ .*ECONNREFUSED/);
  });

  test(`${auth}: a stop ends it at once`, async (t) => {
    const stopping = new AbortController();
    const server = await listen(t, () => stopping.abort());
    const error = await failure(t, connectHive({ ...server, auth }, stopping.signal, LATE));
    t.regex(error, /this server is stopping/);
    await failure(t, connectHive({ ...server, auth }, stopping.signal, LATE));
  });

  test(`${auth}: an answer in another protocol is not taken for one`, async (t) => {
    const server = await listen(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await failure(t, connectHive({ ...server, auth }, undefined, SOON));
  });
}

test('a file of certificates that is not there is named', async (t) => {
  const error = await failure(
    t,
    connectHive({ ...NOBODY, auth: 'plain', tls: true, caFile: '/none.pem' }, undefined, LATE),
  );
  t.regex(error, /\/none\.pem/);
});

const NOBODY: Omit<HiveServer, 'auth'> = { host: '127.0.0.1', port: 9, user: 'u', tls: false };

async function failure(t: ExecutionContext, attempt: Promise<unknown>): Promise<string> {
  const error = await t.throwsAsync(attempt);
  t.true(isFault(error, 'hive_unavailable'), String(error));
  return error?.message ?? '';
}

async function listen(t: ExecutionContext, heard: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    heard(socket);
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { ...NOBODY, port: await portOf(server) };
}

/** Of a listener that is gone again. */
async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}

async function portOf(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listener has a port');
  return address.port;
}
