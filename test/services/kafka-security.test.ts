/** Brokers that let in only whom they know, each way that there is, and what is said to those who are not let in. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';
import type { KafkaConnection } from '../../storage/kafka/connection.ts';
import { prepareTopic } from '../../storage/kafka/kafka-topic.ts';
import type { KafkaSasl, KafkaTls } from '../../storage/kafka/security.ts';
import { sendApplied } from '../send-applied.ts';
import {
  type Certificates,
  makeCertificates,
  startTokenServer,
  TokenMaker,
} from './kafka-credentials.ts';

const dir = mkdtempSync(join(tmpdir(), 'streamgauge-kafka-security-'));
const TOPIC = { topic: 'events', partitions: 1, create: true };
let kafka: Kafka;
let certificates: Certificates;
let strangers: Certificates;
let tokens: TokenMaker;

test.before(async () => {
  certificates = makeCertificates(join(dir, 'certificates'));
  strangers = makeCertificates(join(dir, 'strangers'));
  tokens = new TokenMaker(join(dir, 'tokens'));
  kafka = await startKafka({
    dir,
    security: {
      listeners: ['SSL', 'SASL_PLAINTEXT', 'SASL_SSL'],
      users: { gauge: 'secret1' },
      tls: certificates,
      jwksFile: tokens.jwksFile,
    },
  });
});

test.after.always(async () => {
  await kafka?.stop();
  rmSync(dir, { recursive: true });
});

const plainly = (sasl: KafkaSasl): KafkaConnection => ({
  brokers: kafka.addressesOf('SASL_PLAINTEXT'),
  sasl,
});
const encrypted = (sasl: KafkaSasl, tls: Partial<KafkaTls> = {}): KafkaConnection => ({
  brokers: kafka.addressesOf('SASL_SSL'),
  sasl,
  tls: { enabled: true, caFile: certificates.caFile, ...tls },
});
const gauge = (mechanism: KafkaSasl['mechanism']): KafkaSasl => ({
  mechanism,
  username: 'gauge',
  password: 'secret1',
});
const isLetIn = async (connection: KafkaConnection): Promise<boolean> =>
  (await prepareTopic(connection, TOPIC)).clusterId !== '';

for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const) {
  test(`${mechanism} lets in who knows the password, with TLS and without`, async (t) => {
    t.true(await isLetIn(plainly(gauge(mechanism))));
    t.true(await isLetIn(encrypted(gauge(mechanism))));
    await t.throwsAsync(isLetIn(plainly({ ...gauge(mechanism), password: 'wrong' })), {
      code: 'log_denied',
      message: /does not let gauge in by/,
    });
  });
}

test('a password in a file is read for each connection', async (t) => {
  const passwordFile = join(dir, 'password');
  const sasl: KafkaSasl = { mechanism: 'SCRAM-SHA-256', username: 'gauge', passwordFile };
  const connection = plainly(sasl);
  await t.throwsAsync(isLetIn(connection), {
    code: 'log_denied',
    message: /cannot read the password for Kafka from .*password: ENOENT/,
  });
  writeFileSync(passwordFile, 'wrong\n');
  await t.throwsAsync(isLetIn(connection), {
    code: 'log_denied',
    message: /does not let gauge in/,
  });
  writeFileSync(`${passwordFile}.new`, 'secret1\n');
  renameSync(`${passwordFile}.new`, passwordFile);
  t.true(await isLetIn(connection));
});

test('a listener that wants certificates lets in whom its authority has signed', async (t) => {
  const brokers = kafka.addressesOf('SSL');
  const { caFile, certFile, keyFile } = certificates;
  t.true(await isLetIn({ brokers, tls: { enabled: true, caFile, certFile, keyFile } }));
  await t.throwsAsync(isLetIn({ brokers, tls: { enabled: true, caFile } }), {
    message: /certificate/i,
  });
  const foreign = { certFile: strangers.certFile, keyFile: strangers.keyFile };
  await t.throwsAsync(isLetIn({ brokers, tls: { enabled: true, caFile, ...foreign } }), {
    message: /certificate/i,
  });
});

test('a broker is believed only with a certificate for its name, by somebody who is trusted', async (t) => {
  const sasl = gauge('PLAIN');
  t.true(await isLetIn(encrypted(sasl, { serverName: 'broker.test' })));
  await t.throwsAsync(isLetIn(encrypted(sasl, { serverName: 'other.test' })), {
    code: 'log_denied',
    message: /set tls\.serverName/,
  });
  await t.throwsAsync(isLetIn(encrypted(sasl, { caFile: strangers.caFile })), {
    code: 'log_denied',
    message: /is not trusted.*set tls\.caFile/,
  });
  await t.throwsAsync(isLetIn(encrypted(sasl, { caFile: join(dir, 'absent.pem') })), {
    code: 'log_denied',
    message: /cannot read certificates for Kafka from .*absent\.pem/,
  });
  writeFileSync(join(dir, 'none.pem'), 'not a certificate');
  await t.throwsAsync(
    isLetIn(encrypted(sasl, { certFile: join(dir, 'none.pem'), keyFile: certificates.keyFile })),
    { code: 'log_denied', message: /are not usable/ },
  );
});

test('who speaks TLS where there is none, or none where there is, is told so', async (t) => {
  await t.throwsAsync(isLetIn({ ...encrypted(gauge('PLAIN')), brokers: kafka.addresses }), {
    code: 'log_denied',
    message: /does not speak TLS/,
  });
  const brokers = kafka.addressesOf('SASL_SSL');
  for (const sasl of [gauge('PLAIN'), undefined]) {
    await t.throwsAsync(isLetIn({ brokers, sasl }), { message: /tls\.enabled/ });
  }
  await t.throwsAsync(isLetIn({ brokers: kafka.addressesOf('SASL_PLAINTEXT') }), {
    code: 'log_away',
    message: /sasl\.mechanism/,
  });
});

test('a token lets in while it is good, and its file is read for each connection', async (t) => {
  const tokenFile = join(dir, 'token');
  const connection = encrypted({ mechanism: 'OAUTHBEARER', tokenFile });
  writeFileSync(tokenFile, tokens.make('gauge', -60));
  await t.throwsAsync(isLetIn(connection), { code: 'log_denied', message: /OAUTHBEARER/ });
  writeFileSync(tokenFile, tokens.make('gauge'));
  t.true(await isLetIn(connection));
  writeFileSync(tokenFile, new TokenMaker(join(dir, 'forged')).make('gauge'));
  await t.throwsAsync(isLetIn(connection), { code: 'log_denied', message: /OAUTHBEARER/ });
});

test('tokens are got from an endpoint, and one serves several connections', async (t) => {
  const client = { clientId: 'gauge', secret: 'hush & "more"', lifeS: 3_600 };
  const server = await startTokenServer(tokens, {
    ...client,
    secret: encodeURIComponent(client.secret),
  });
  t.teardown(() => server.close());
  const endpoint = { mechanism: 'OAUTHBEARER', tokenUrl: server.url, clientId: 'gauge' } as const;
  const connection = plainly({ ...endpoint, clientSecret: client.secret, scope: 'kafka write' });
  t.true(await isLetIn(connection));
  t.true(await isLetIn(connection));
  t.is(server.asked.length, 1);
  t.is(server.asked[0]?.body, 'grant_type=client_credentials&scope=kafka+write');
  await t.throwsAsync(isLetIn(plainly({ ...endpoint, clientSecret: 'wrong' })), {
    code: 'log_denied',
    message: /expected a token for Kafka from .*it answered 401/,
  });
});

test('a server writes, reads and starts again over a listener with TLS and SASL', async (t) => {
  const { caFile } = certificates;
  const folder = join(dir, 'server');
  const server = await Server.prepare({
    folder,
    partitions: 2,
    config: {
      log: {
        type: 'kafka',
        kafka: {
          brokers: kafka.addressesOf('SASL_SSL'),
          topic: 'secured',
          tls: { caFile },
          sasl: { mechanism: 'OAUTHBEARER', tokenFile: 'token' },
        },
      },
      archive: { enabled: false },
    },
  });
  t.teardown(() => server.kill());
  writeFileSync(join(folder, 'token'), tokens.make('gauge'));
  await server.start();
  const events = [1, 2, 3].map((n) => ({ id: `e${n}`, type: 'look', ts: Date.now() }));
  await sendApplied(server, 'events', events);
  await server.kill();
  await server.start();
  await sendApplied(server, 'events', [...events, { id: 'e4', type: 'look', ts: Date.now() }]);
  const { ledger } = await server.query<{ ledger: object }>(
    '{ ledger(stream: "events") { received applied duplicate } }',
  );
  t.deepEqual(ledger, { received: 7, applied: 4, duplicate: 3 });
  await server.stop();
});

test('a token that ends soon is followed by the next without a break of the connection', async (t) => {
  const server = await startTokenServer(tokens, { clientId: 'gauge', secret: 'hush', lifeS: 15 });
  t.teardown(() => server.close());
  const connection = plainly({
    mechanism: 'OAUTHBEARER',
    tokenUrl: server.url,
    clientId: 'gauge',
    clientSecret: 'hush',
  });
  const { Admin } = await import('@platformatic/kafka');
  const { clientOptions } = await import('../../storage/kafka/connection.ts');
  const admin = new Admin({ ...(await clientOptions(connection)), retries: 0 });
  t.teardown(() => admin.close());
  let breaks = 0;
  admin.on('client:broker:disconnect', () => {
    breaks += 1;
  });
  while (server.asked.length < 2) {
    await admin.metadata({ topics: [], forceUpdate: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.is(breaks, 0);
});
