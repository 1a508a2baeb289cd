/** The client of programs against a real server, and what crashes of both leave. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../../../load-tests/server.ts';
import { type Client, createClient } from '../../../src/client/node/index.ts';

const PROGRAM = fileURLToPath(new URL('sending-program.ts', import.meta.url));

async function site(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({ folder, partitions: 2, config: { rollups: [] } });
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  await server.start();
  const url = `http://${server.host}:${server.ingestPort}`;
  return { server, url, file: join(folder, 'waiting') };
}

/** Resolves when the server has answered for everything. */
async function delivered(client: Client): Promise<void> {
  while (!(await client.flush())) await sleep(10);
}

interface Counted {
  readonly ledger: { readonly applied: number; readonly pending: number };
  readonly timeseries: {
    readonly series: readonly {
      readonly points: readonly { readonly values: readonly { readonly value: number }[] }[];
    }[];
  };
}

/** Of all events of a day: how many the ledger and a rollup know, once nothing is pending. */
async function counted(server: Server): Promise<{ applied: number; counted: number }> {
  for (;;) {
    const { ledger, timeseries } = await server.query<Counted>(`{
      ledger(stream: "events") { applied pending }
      timeseries(last: "1d", step: "1h", measures: [{ op: count }]) { series { points { values { value } } } }
    }`);
    const values = timeseries.series.flatMap(({ points }) =>
      points.flatMap(({ values }) => values),
    );
    const sum = values.reduce((total, { value }) => total + value, 0);
    if (ledger.pending === 0 && sum === ledger.applied) {
      return { applied: ledger.applied, counted: sum };
    }
    await sleep(20);
  }
}

/** The only row of a statement whose first column counts events, once it has so many: single events are seen when they are committed. */
async function countedSingly(server: Server, query: string, atLeast: number): Promise<number[]> {
  for (;;) {
    const { sql } = await server.query<{ sql: { rows: number[][] } }>(
      `{ sql(query: ${JSON.stringify(query)}) { rows } }`,
    );
    const row = sql.rows[0]?.map(Number) ?? [];
    if ((row[0] ?? 0) >= atLeast) return row;
    await sleep(20);
  }
}

for (const transport of ['http', 'websocket'] as const) {
  test(`each event counts once while the server is killed and started again under it, by ${transport}`, async (t) => {
    const { server, url, file } = await site(t);
    const client = createClient({
      url,
      file,
      transport,
      flushIntervalMs: 10,
      batchEventsMax: 40,
      onProblem() {},
    });
    let tracked = 0;
    const trackSome = async (count: number) => {
      for (let i = 0; i < count; i++) {
        t.true(client.track('step', { n: tracked++ }));
        if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    };
    for (let round = 0; round < 3; round++) {
      await trackSome(300);
      await server.kill();
      await trackSome(100);
      await server.start();
    }
    await delivered(client);
    t.is(await client.close(), 0);
    t.deepEqual(await counted(server), { applied: tracked, counted: tracked });
  });
}

test('a program that is killed again and again loses nothing that it has tracked', async (t) => {
  const { server, url, file } = await site(t);
  let next = 0;
  for (let life = 0; life < 3; life++) {
    const program = spawn(process.execPath, [PROGRAM, url, file, String(next)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    t.teardown(() => program.kill('SIGKILL'));
    const until = next + 200 + life * 110;
    // While the server is away everything waits in the file.
    if (life === 1) await server.kill();
    for await (const line of createInterface({ input: program.stdout })) {
      next = Number(line) + 1;
      if (next > until) break;
    }
    const exited = once(program, 'exit');
    program.kill('SIGKILL');
    await exited;
    if (life === 1) await server.start();
  }
  const last = createClient({ url, file });
  await delivered(last);
  t.is(await last.close(), 0);
  const { applied } = await counted(server);
  t.true(applied >= next, `${applied} of ${next}`);
  const counts = await countedSingly(
    server,
    `SELECT count(*), count(DISTINCT n), count(DISTINCT CASE WHEN n < ${next} THEN n END) FROM events`,
    applied,
  );
  t.deepEqual(counts, [applied, applied, next]);
});

// Alone: the clock is that of all tests of this process.
test.serial(
  'events of a clock that is an hour off have the times at which they happened',
  async (t) => {
    const { server, url } = await site(t);
    const { now } = Date;
    const offMs = -3_600_000;
    Date.now = () => now() + offMs;
    t.teardown(() => {
      Date.now = now;
    });
    const client = createClient({ url });
    client.track('early');
    t.is(await client.close(), 0);
    Date.now = now;
    let event: { readonly ts: number | string } | undefined;
    while (event === undefined) {
      const { events } = await server.query<{ events: { events: { ts: number | string }[] } }>(
        '{ events(stream: "events") { events { ts } } }',
      );
      event = events.events[0];
      await sleep(20);
    }
    const aheadMs = now() - new Date(event.ts).getTime();
    t.true(aheadMs >= 0 && aheadMs < 600_000, `${aheadMs}`);
  },
);

test('the key goes in a header, and the clock with each attempt', async (t) => {
  const heard: { url: string | undefined; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    heard.push({ url: request.url, authorization: request.headers.authorization });
    request.resume().on('end', () => response.end('{"accepted":1,"rejected":0}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = createClient({ url: `http://127.0.0.1:${port}/`, key: 'sg_k', stream: 'shop' });
  client.track('a');
  t.is(await client.close(), 0);
  t.is(heard[0]?.authorization, 'Bearer sg_k');
  t.regex(heard[0]?.url ?? '', /^\/v1\/events\?stream=shop&sentAt=\d{13}$/);
});
