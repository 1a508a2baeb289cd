/** Test events of a server as it is run: over HTTP, through the log, to the answers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { hashSecret } from '../src/model/access.ts';

const WRITER = `sg_${'w'.repeat(43)}`;
const READER = `sg_${'r'.repeat(43)}`;

const keyOf = (id: string, secret: string, scopes: readonly string[]) => ({
  ...{ id, tenant: 'acme', scopes },
  hash: `sha256:${hashSecret(secret)}`,
});

async function site(t: ExecutionContext, config: object = {}): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-test-events-'));
  const keys = [keyOf('writer', WRITER, ['write', 'read']), keyOf('reader', READER, ['admin'])];
  const server = await Server.prepare({ folder, partitions: 3, config: { keys, ...config } });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return server;
}

interface Answer {
  readonly data?: {
    readonly sendTestEvent: { event: string; applied: boolean; position: string };
    readonly timeseries: {
      readonly series: readonly {
        readonly labels: readonly { readonly value: string | null }[];
        readonly points: readonly { readonly values: readonly { readonly value: number }[] }[];
      }[];
    };
  };
  readonly errors?: readonly { readonly message: string; readonly extensions: object }[];
}

async function ask(
  server: Server,
  query: string,
  variables: object = {},
  key = WRITER,
): Promise<Answer> {
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

const SEND = 'mutation { sendTestEvent { event applied position } }';

test('a test event is durable, counts by its type, and outlives a crash', async (t) => {
  const server = await site(t);
  const { data, errors } = await ask(server, SEND);
  t.is(errors, undefined);
  const sent = data?.sendTestEvent;
  t.is(sent?.event, '{"type":"test_event","note":"sent by sendTestEvent"}');
  await server.kill();
  await server.start();
  const { data: counted } = await ask(
    server,
    `query ($after: String!) {
      timeseries(last: "1h", step: "1h", measures: [{ op: count }], groupBy: ["type"], after: $after) {
        series { labels { value } points { values { value } } }
      }
    }`,
    { after: sent?.position },
  );
  const counts = counted?.timeseries.series.map(({ labels, points }) => [
    labels[0]?.value,
    points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0),
  ]);
  t.deepEqual(counts, [['test_event', 1]]);
});

test('who may not write sends none', async (t) => {
  const server = await site(t);
  const { errors } = await ask(server, SEND, {}, READER);
  t.like(errors?.[0], { message: 'this needs a key with scope "write"' });
  t.like(errors?.[0]?.extensions, { code: 'forbidden' });
});

test('over its quota a tenant is told when to come back, as by the ingest listener', async (t) => {
  const server = await site(t, { limits: { eventsPerSecondMax: 1 } });
  const response = await fetch(`http://${server.host}:${server.ingestPort}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${WRITER}` },
    body: Array(2_000).fill('{"type":"view"}').join('\n'),
  });
  t.is(response.status, 200);
  const { errors } = await ask(server, SEND);
  t.like(errors?.[0]?.extensions, { code: 'quota_exceeded', retryable: true });
});
