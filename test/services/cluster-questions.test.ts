/** Two nodes over one real topic: each answers everything, whatever of it the other one has. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { createClient } from 'graphql-ws';
import { ClusterScene } from '../../load-tests/cluster/scene.ts';
import { seenBy, settled } from '../../load-tests/cluster/view.ts';
import { scratchFolder } from '../../load-tests/scratch.ts';
import type { Server } from '../../load-tests/server.ts';
import { sseEvents } from '../graphql/sse.ts';

const PARTITIONS = 4;

async function pair(t: ExecutionContext) {
  const folder = scratchFolder('cluster-questions');
  // Nothing is archived unless it is asked for.
  const config = {
    archive: { local: { dir: join(folder, 'archive') }, cut: { ageMaxMs: '1h' } },
    alarms: { server: { enabled: false } },
  };
  const scene = await ClusterScene.open({
    folder,
    names: ['a', 'b'],
    partitions: PARTITIONS,
    config,
  });
  t.teardown(async () => {
    await scene.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await Promise.all(scene.nodes.map(({ server }) => server.start()));
  await settled(scene.running);
  const { leader } = await seenBy(scene.node('a'));
  const other = leader === 'a' ? 'b' : 'a';
  return { scene, leader: scene.node(leader ?? ''), other: scene.node(other) };
}

async function send(server: Server, lines: readonly string[]): Promise<string> {
  const response = await fetch(`http://${server.host}:${server.ingestPort}/v1/events?ack=applied`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.join('\n'),
  });
  const answer = (await response.json()) as { position: string };
  return answer.position;
}

/** Asks until the answer is as expected, or for so long that it will never be. */
async function until<T>(ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
  for (const deadline = performance.now() + 20_000; ; await sleep(50)) {
    const answer = await ask();
    if (isRight(answer) || performance.now() > deadline) return answer;
  }
}

const line = (i: number) =>
  JSON.stringify({ id: `e-${i}`, type: 'view', user: `u-${i % 10}`, n: i });
const EVENTS = 200;

test.serial(
  'single events, dead letters and the ledger are those of both nodes, on each',
  async (t) => {
    const { scene, leader, other } = await pair(t);
    const tail = await fetch(`http://${other.host}:${other.queryPort}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({
        query: 'subscription { tail(maxPerSecond: 1000) { events { id partition } skipped } }',
      }),
    });
    const tailed = sseEvents<{ data: { tail: { events: { id: string; partition: number }[] } } }>(
      tail,
    );
    t.deepEqual((await tailed.next()).value?.data.tail.events, []);
    const lines = Array.from({ length: EVENTS }, (_, i) => line(i));
    await send(leader, lines.slice(0, EVENTS / 2));
    await send(other, lines.slice(EVENTS / 2));
    // Each a second time, by the other node, and a line on each that nobody can read.
    await send(other, [...lines.slice(0, EVENTS / 2), '{"broken on other']);
    const position = await send(leader, [...lines.slice(EVENTS / 2), '{"broken on leader']);
    const seen = new Set<string>();
    const partitions = new Set<number>();
    while (seen.size < EVENTS) {
      for (const { id, partition } of (await tailed.next()).value?.data.tail.events ?? []) {
        t.false(seen.has(id), `${id} is told once`);
        seen.add(id);
        partitions.add(partition);
      }
    }
    t.is(partitions.size, PARTITIONS);
    await tailed.return?.(undefined);
    for (const { server } of scene.nodes) {
      const asked = await server.query<{
        sql: { rows: unknown };
        events: { events: { id: string }[] };
        event: { fields: { n: number } };
        timeseries: { source: string; complete: boolean; series: { points: unknown[] }[] };
      }>(
        `query ($position: String!) {
        sql(query: "SELECT count(*)::INTEGER, count(DISTINCT id)::INTEGER, count(DISTINCT _partition)::INTEGER FROM events", position: $position) { rows }
        events(first: 500, position: $position) { events { id } }
        event(id: "e-7") { fields }
      }`,
        { position },
      );
      t.deepEqual(asked.sql.rows, [[EVENTS, EVENTS, PARTITIONS]]);
      t.is(asked.events.events.length, EVENTS);
      t.is(asked.event.fields.n, 7);
      const exported = await fetch(
        `http://${server.host}:${server.queryPort}/v1/export?stream=events`,
      );
      t.is((await exported.text()).trim().split('\n').length, EVENTS);
      const letters = await until(
        async () =>
          (
            await server.query<{ deadLetters: { letters: { text: string }[] } }>(
              '{ deadLetters { letters { text } } }',
            )
          ).deadLetters.letters
            .map(({ text }) => text)
            .sort(),
        (found) => found.length === 2,
      );
      t.deepEqual(letters, ['{"broken on leader', '{"broken on other']);
      const ledger = await server.caughtUp();
      t.like(ledger, {
        applied: EVENTS,
        duplicate: EVENTS,
        rejected: 2,
        pending: 0,
        balanced: true,
      });
      const { partitions: views, actors } = await server.query<{
        partitions: { id: number }[];
        actors: { path: string }[];
      }>('{ partitions { id } actors { path } }');
      t.deepEqual(
        views.map(({ id }) => id),
        [0, 1, 2, 3],
      );
      const owners = actors.filter(({ path }) => /^[ab]\/.*partition/.test(path));
      t.is(owners.length, PARTITIONS);
    }
    // Whoever is told to archive has both nodes archive.
    const { archiveNow } = await other.query<{
      archiveNow: { rows: number; waitingBytes: number };
    }>('mutation { archiveNow { rows waitingBytes } }');
    t.deepEqual(archiveNow, { rows: EVENTS, waitingBytes: 0 });
    for (const { server } of scene.nodes) {
      const { sql } = await server.query<{ sql: { rows: unknown } }>(
        '{ sql(query: "SELECT count(*)::INTEGER FROM events") { rows } }',
      );
      t.deepEqual(sql.rows, [[EVENTS]]);
    }
  },
);

const RULE = `mutation {
  putRule(rule: {
    name: "views", filter: [{ field: "type", in: ["view"] }], window: "5m", every: "1s", lateness: "0s",
    above: { fire: 1, clear: 0 }, severity: critical
  }) { rule { name } problems { message } }
}`;

test.serial(
  'alarms are asked for, changed and followed on either node, also when the leader goes',
  async (t) => {
    const { leader, other } = await pair(t);
    const { putRule } = await other.query<{ putRule: { problems: unknown[] } }>(RULE);
    t.deepEqual(putRule.problems, []);
    const client = createClient({
      url: `ws://${other.host}:${other.queryPort}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
    });
    t.teardown(() => void client.dispose());
    interface Update {
      readonly alarmChanged: {
        readonly snapshot: boolean;
        readonly total: number;
        readonly changes: readonly { readonly to: string }[];
      };
    }
    const updates = client.iterate<Update>({
      query: 'subscription { alarmChanged { snapshot total changes { to } } }',
    });
    const next = async (): Promise<Update['alarmChanged'] | undefined> =>
      (await updates.next()).value?.data?.alarmChanged;
    t.like(await next(), { snapshot: true, total: 0 });
    let isTold = false;
    const told = (async () => {
      for (let update = await next(); update !== undefined; update = await next()) {
        if (update.changes.some(({ to }) => to === 'firing')) break;
      }
      isTold = true;
    })();
    for (let i = 0; !isTold; i++) {
      await send(other, [line(10_000 + i)]);
      await sleep(100);
    }
    await told;
    const total = async (server: Server) =>
      (await server.query<{ alarms: { total: number } }>('{ alarms { total } }')).alarms.total;
    t.deepEqual([await total(leader), await total(other)], [1, 1]);
    await leader.stop();
    // The subscription goes on with who leads now: the node itself.
    const after = await next();
    t.like(after, { snapshot: true, total: 1 });
    t.is(await total(other), 1);
  },
);
