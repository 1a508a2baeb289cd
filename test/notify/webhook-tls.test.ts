import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo, LookupFunction } from 'node:net';
import { setDefaultCACertificates } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { webhookOf } from './stage.ts';
import { sendBy } from './webhook-sending.ts';

const fileOf = (name: string): string =>
  readFileSync(new URL(`../ingest/tls/${name}`, import.meta.url), 'utf8');
/** For `localhost`. The process of this file trusts the first alone. */
const FIRST = { cert: fileOf('first.crt'), key: fileOf('first.key') };
const SECOND = { cert: fileOf('second.crt'), key: fileOf('second.key') };
setDefaultCACertificates([FIRST.cert]);

const toLoopback: LookupFunction = (_, __, done) =>
  done(null, [{ address: '127.0.0.1', family: 4 }]);

async function serveTls(t: ExecutionContext, identity: { cert: string; key: string }) {
  let requests = 0;
  const server = createServer(identity, (_, response) => {
    requests += 1;
    response.end('ok');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, requests: () => requests };
}

test('a certificate that is trusted and of that name is delivered to', async (t) => {
  const { port } = await serveTls(t, FIRST);
  const { attempt } = await sendBy(webhookOf({ url: `https://localhost:${port}/` }));
  t.like(attempt, { outcome: 'delivered', detail: 'HTTP 200: ok' });
});

test('a certificate of nobody known, or of another name, is a failed attempt without a request', async (t) => {
  const unknown = await serveTls(t, SECOND);
  const known = await serveTls(t, FIRST);
  const byUnknown = await sendBy(webhookOf({ url: `https://localhost:${unknown.port}/` }));
  const byOther = await sendBy(webhookOf({ url: `https://other.example:${known.port}/` }), {
    resolve: toLoopback,
  });
  t.is(byUnknown.attempt.outcome, 'failed');
  t.regex(byUnknown.attempt.detail, /self.signed certificate/);
  t.is(byOther.attempt.outcome, 'failed');
  t.regex(byOther.attempt.detail, /does not match certificate's altnames/);
  t.is(unknown.requests() + known.requests(), 0);
});

test('an inner address is refused before any TLS', async (t) => {
  const { port, requests } = await serveTls(t, FIRST);
  const receiver = webhookOf({ url: `https://localhost:${port}/`, allowNetworks: [] });
  t.is((await sendBy(receiver)).attempt.outcome, 'refused');
  t.is(requests(), 0);
});
