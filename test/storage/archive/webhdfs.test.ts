/** How the client of WebHDFS behaves towards servers that say what a real cluster says rarely; see test/services for a real one. */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Archive } from '../../../storage/archive/archive.ts';
import { openArchive } from '../../../storage/archive/open.ts';
import type { WebHdfsSettings } from '../../../storage/archive/webhdfs.ts';
import { localFile, rejects, scratchDir, textAt } from '../../contract/archive.ts';

const TOKEN = 'secret-token';
const tlsFile = (name: string): string =>
  fileURLToPath(new URL(`../../ingest/tls/${name}`, import.meta.url));
/** For `localhost`. */
const IDENTITY = {
  cert: readFileSync(tlsFile('first.crt')),
  key: readFileSync(tlsFile('first.key')),
};

test('a standby NameNode is passed over, however it says that it is one', async (t) => {
  const standbys = [
    ['StandbyException', 'Operation category READ is not supported in state standby'],
    [
      'SecurityException',
      'Failed to obtain user group information: InvalidToken: StandbyException',
    ],
    ['RetriableException', 'Namenode is in startup mode'],
  ] as const;
  for (const [exception, message] of standbys) {
    const standby = await serving(t, (_, answer) => refuse(answer, 403, exception, message));
    const active = await serving(t, (_, answer) => answer.end('x'));
    const archive = await opened(t, { namenodes: [standby.url, active.url] });
    t.is(await textAt(archive, 'x'), 'x');
    t.is(await textAt(archive, 'x'), 'x');
    t.is(standby.requests.length, 1, exception);
  }
});

test('a server that never answers is given up, and the next one asked', async (t) => {
  const silent = await serving(t, () => undefined);
  const active = await serving(t, (_, answer) => answer.end('x'));
  const archive = await opened(t, {
    namenodes: [silent.url, active.url],
    timeouts: { idleMs: 200 },
    // On a busy machine the other may be slow, too.
    retryMs: 60_000,
  });
  t.is(await textAt(archive, 'x'), 'x');
});

test('an answer that is cut off is asked for again, from the beginning', async (t) => {
  const server = await serving(t, (_, answer) => {
    answer.setHeader('content-length', 6);
    if (server.requests.length > 1) return answer.end('abcdef');
    return answer.write('abc', () => answer.destroy());
  });
  const archive = await opened(t, { namenodes: [server.url], retryMs: 5_000 });
  const path = join(await scratchDir(t), 'back');
  await archive.fetch('x', path);
  t.is(server.requests.length, 2);
});

test('only HDFS itself may say that a file is missing', async (t) => {
  const gateway = await serving(t, (_, answer) => {
    answer.statusCode = 404;
    answer.end('<html><h1>no such page</h1></html>');
  });
  const archive = await opened(t, { namenodes: [gateway.url] });
  await rejects(t, 'archive_unavailable', archive.read('x'));
  await rejects(t, 'archive_unavailable', archive.list('x'));
});

test('what is not JSON is no list', async (t) => {
  const server = await serving(t, (_, answer) => answer.end('<html>sign in</html>'));
  const archive = await opened(t, { namenodes: [server.url] });
  await rejects(t, 'archive_io', archive.list('x'));
});

test('a refusal of access is not tried again', async (t) => {
  for (const [status, exception] of [
    [401, 'AuthenticationException'],
    [403, 'AccessControlException'],
    [403, 'SecurityException'],
  ] as const) {
    const server = await serving(t, (_, answer) => refuse(answer, status, exception, 'no'));
    const archive = await opened(t, { namenodes: [server.url], retryMs: 60_000 });
    await rejects(t, 'archive_denied', archive.read('x'));
    t.is(server.requests.length, 1);
  }
});

test('an authorization goes to the servers of the configuration alone', async (t) => {
  const datanode = await serving(t, (_, answer) => answer.end('x'));
  const namenode = await serving(t, (_, answer) => redirect(answer, datanode.url));
  const authorization = { value: `Negotiate ${TOKEN}` };
  const archive = await opened(t, { namenodes: [namenode.url], auth: { authorization } });
  t.is(await textAt(archive, 'x'), 'x');
  t.is(namenode.requests[0]?.headers.authorization, `Negotiate ${TOKEN}`);
  t.is(datanode.requests[0]?.headers.authorization, undefined);
});

test('a secret in a file is taken as it is at each request', async (t) => {
  const file = await localFile(await scratchDir(t), 'first\n');
  const server = await serving(t, (_, answer) => answer.end('x'));
  const archive = await opened(t, { namenodes: [server.url], auth: { delegation: { file } } });
  await archive.read('x');
  await writeFile(file, 'second\n');
  await archive.read('x');
  t.deepEqual(
    server.requests.map(({ url = '' }) => new URL(url, server.url).searchParams.get('delegation')),
    ['first', 'second'],
  );
  const gone = await opened(t, {
    namenodes: [server.url],
    auth: { delegation: { file: join(await scratchDir(t), 'gone') } },
  });
  await rejects(t, 'archive_denied', gone.read('x'));
});

test('no fault tells a token', async (t) => {
  const gone = 'http://127.0.0.1:1';
  const toGone = await serving(t, (_, answer) => redirect(answer, `${gone}/?delegation=${TOKEN}`));
  const toNowhere = await serving(t, (_, answer) => redirect(answer, ''));
  const busy = await serving(t, (_, answer) => refuse(answer, 503, 'RetriableException', 'later'));
  for (const namenode of [gone, toGone.url, toNowhere.url, busy.url]) {
    const archive = await opened(t, {
      namenodes: [namenode],
      auth: { delegation: { value: TOKEN } },
    });
    const error = await t.throwsAsync(archive.read('x'));
    t.false(described(error).includes(TOKEN), namenode);
  }
});

test('by TLS only a server whose certificate is trusted is asked, and none without TLS after it', async (t) => {
  const plain = await serving(t, (_, answer) => answer.end('x'));
  const server = await serving(t, (_, answer) => answer.end('x'), IDENTITY);
  const leading = await serving(t, (_, answer) => redirect(answer, plain.url), IDENTITY);
  const trusting = { caFile: tlsFile('first.crt') };
  const archive = await opened(t, { namenodes: [server.url], ...trusting });
  t.is(await textAt(archive, 'x'), 'x');
  const other = await opened(t, { namenodes: [server.url], caFile: tlsFile('second.crt') });
  await rejects(t, 'archive_unavailable', other.read('x'));
  const led = await opened(t, { namenodes: [leading.url], ...trusting });
  await rejects(t, 'archive_io', led.read('x'));
  t.is(server.requests.length, 1);
  t.is(plain.requests.length, 0);
  const caFile = join(await scratchDir(t), 'gone');
  await rejects(t, 'archive_io', opened(t, { namenodes: [server.url], caFile }));
});

test('a folder and its URL may be the root of HDFS', async (t) => {
  const server = await serving(t, (_, answer) => answer.end('x'));
  for (const [dir, url, path] of [
    ['/', 'hdfs://cluster', '/webhdfs/v1/x'],
    ['/a b/c/', 'hdfs://cluster/a b/c', '/webhdfs/v1/a%20b/c/x'],
  ] as const) {
    const archive = await opened(t, { namenodes: [server.url], dir });
    t.is(archive.url, url);
    await archive.read('x');
    t.is(server.requests.at(-1)?.url?.split('?')[0], path);
  }
});

async function opened(
  t: ExecutionContext,
  settings: Pick<WebHdfsSettings, 'namenodes'> & Partial<WebHdfsSettings>,
): Promise<Archive> {
  const archive = await openArchive({
    type: 'webhdfs',
    defaultFs: 'hdfs://cluster',
    dir: '/archive',
    retryMs: 0,
    ...settings,
  });
  t.teardown(() => archive.close());
  return archive;
}

interface Serving {
  readonly url: string;
  readonly requests: IncomingMessage[];
}

async function serving(
  t: ExecutionContext,
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  identity?: { readonly cert: Buffer; readonly key: Buffer },
): Promise<Serving> {
  const requests: IncomingMessage[] = [];
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    requests.push(request);
    answer(request, response);
  };
  const server = identity === undefined ? createServer(serve) : createTlsServer(identity, serve);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = identity === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  return { url, requests };
}

function refuse(answer: ServerResponse, status: number, exception: string, message: string): void {
  answer.statusCode = status;
  answer.end(JSON.stringify({ RemoteException: { exception, message } }));
}

function redirect(answer: ServerResponse, location: string): void {
  answer.writeHead(307, { location });
  answer.end();
}

/** Everything that a log may show of an error and of what caused it. */
function described(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { message, stack, cause } = error;
  return [
    message,
    stack,
    JSON.stringify(error),
    cause === undefined ? '' : described(cause),
  ].join();
}
