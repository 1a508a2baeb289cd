/** The certificates in `tls/` are for these tests only. */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { CertificateWatch } from '../../src/ingest/certificates.ts';
import { Listener } from '../../src/ingest/listener.ts';
import type { Logger } from '../../src/model/logger.ts';
import { freePort } from '../free-port.ts';
import { silentLogger } from './start-edge.ts';

test('a new certificate serves new connections; open ones stay', async (t) => {
  const { files, use, ask, watch, errors } = await setUp(t);
  const keepAlive = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => keepAlive.destroy());
  t.is(await ask(keepAlive), 'first');
  await watch.check();
  t.is(await ask(), 'first');
  await use('second');
  await watch.check();
  t.is(await ask(), 'second');
  t.is(await ask(keepAlive), 'first');
  await use('first');
  await watch.check();
  t.is(await ask(), 'first');
  t.deepEqual(errors, []);
  t.truthy(files);
});

test('files that do not fit are reported, and the old certificate stays until they do', async (t) => {
  const { files, use, ask, watch, errors } = await setUp(t);
  await writeFile(files.keyFile, 'half a key');
  await watch.check();
  t.is(errors.length, 1);
  t.is(await ask(), 'first');
  await use('second');
  await watch.check();
  t.is(await ask(), 'second');
});

test('a certificate that is not usable is a clear fault at the start', async (t) => {
  const { files } = await setUp(t);
  await writeFile(files.certFile, 'no certificate');
  await t.throwsAsync(open(files, await freePort()), {
    code: 'config_invalid',
    message: /not usable/,
  });
});

test('an address of another machine is a clear fault at the start', async (t) => {
  const listening = Listener.open({
    host: '203.0.113.1',
    port: await freePort(),
    tls: undefined,
    connectionsMax: 10,
    routes: () => {},
    connectionsChanged: () => {},
  });
  await t.throwsAsync(listening, { code: 'listen_failed' });
});

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

const open = (tls: Files, port: number) =>
  Listener.open({
    host: '127.0.0.1',
    port,
    tls,
    connectionsMax: 10,
    routes: (app) => app.get('/', (res) => void res.end('ok')),
    connectionsChanged: () => {},
  });

async function setUp(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-tls-'));
  const files = { certFile: join(dir, 'server.crt'), keyFile: join(dir, 'server.key') };
  const use = async (name: 'first' | 'second') => {
    await copyFile(new URL(`./tls/${name}.crt`, import.meta.url), files.certFile);
    await copyFile(new URL(`./tls/${name}.key`, import.meta.url), files.keyFile);
  };
  await use('first');
  const port = await freePort();
  const listener = await open(files, port);
  t.teardown(async () => {
    listener.close();
    await rm(dir, { recursive: true });
  });
  const errors: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => errors.push(fields) };
  const watch = await CertificateWatch.start(files, logger, () => listener.replaceCertificate());
  const ask = (agent?: Agent) => subjectOf(port, agent);
  return { files, use, ask, watch, errors };
}

/** The name in the certificate that answers. */
function subjectOf(port: number, agent: Agent | false = false): Promise<string> {
  const options = { host: '127.0.0.1', port, agent, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const request = get(options, (response) => {
      const name = (response.socket as TLSSocket).getPeerCertificate().subject.CN;
      response.resume().once('end', () => resolve(String(name)));
    });
    request.once('error', reject);
  });
}
