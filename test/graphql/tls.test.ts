import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { watchCertificate } from '../../src/ingest/certificates.ts';
import { isFault } from '../../src/model/errors.ts';
import { freePort } from '../free-port.ts';
import { silentLogger } from '../ingest/start-edge.ts';
import { openTestListener } from './listener.ts';

const fixture = (name: string): string =>
  fileURLToPath(new URL(`../ingest/tls/${name}`, import.meta.url));

async function certificateDir(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-tls-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const tls = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  const install = async (name: string) => {
    await copyFile(fixture(`${name}.crt`), tls.certFile);
    await copyFile(fixture(`${name}.key`), tls.keyFile);
  };
  return { tls, install };
}

/** The certificate that a new connection gets. */
const certificateOf = (url: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request(`${url}/healthz`, { rejectUnauthorized: false, agent: false }, (response) => {
      response.resume();
      resolve((response.socket as TLSSocket).getPeerCertificate().fingerprint256);
    })
      .on('error', reject)
      .end();
  });

test('a replaced certificate serves new connections; one that does not fit changes nothing', async (t) => {
  const { tls, install } = await certificateDir(t);
  await install('first');
  const { url, replaceCertificate } = await openTestListener(t, { tls });
  t.true(url.startsWith('https://'));
  const first = await certificateOf(url);
  await install('second');
  t.is(await certificateOf(url), first);
  await replaceCertificate();
  const second = await certificateOf(url);
  t.not(second, first);
  await writeFile(tls.certFile, 'no certificate');
  t.true(isFault(await t.throwsAsync(replaceCertificate()), 'config_invalid'));
  t.is(await certificateOf(url), second);
});

test('new files are noticed while the server runs', async (t) => {
  const { tls, install } = await certificateDir(t);
  await install('first');
  const listener = await openTestListener(t, { tls, port: await freePort() });
  const first = await certificateOf(listener.url);
  t.teardown(await watchCertificate(listener, tls, silentLogger, 5));
  await install('second');
  // Who connects in the moment of the change may be cut.
  const now = () => certificateOf(listener.url).catch(() => first);
  while ((await now()) === first) await new Promise(setImmediate);
  t.pass();
});

test('a watch that cannot start closes its listener', async (t) => {
  const { tls } = await certificateDir(t);
  let isClosed = false;
  const holder = {
    replaceCertificate: async () => {},
    close: () => {
      isClosed = true;
    },
  };
  await t.throwsAsync(watchCertificate(holder, tls, silentLogger), { code: 'ENOENT' });
  t.true(isClosed);
});

test('a listener with an unusable certificate does not open', async (t) => {
  const { tls } = await certificateDir(t);
  t.true(isFault(await t.throwsAsync(openTestListener(t, { tls })), 'config_invalid'));
});
