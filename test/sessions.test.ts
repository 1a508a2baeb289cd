/** Sessions of users, asked of a server as it is run: counted once they have ended, kept through crashes, erased with their users. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { HOUR_MS, MINUTE_MS } from '../src/model/units.ts';
import { parseSessionKey, sessionRange } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { decodeSessionRow } from '../storage/state/session-rows.ts';
import { scan } from '../storage/state/state.ts';
import { sendApplied } from './send-applied.ts';

const PARTITIONS = 2;
const STREAM = 'web';

async function site(t: ExecutionContext, visits: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: {
      alarms: { server: { enabled: false } },
      sessions: [
        {
          ...{ name: 'visits', stream: STREAM, entry: 'page', exit: 'page' },
          ...{ dimensions: ['country'], ...visits },
        },
      ],
    },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const ask = async <T>(query: string): Promise<{ data: T; errors?: { message: string }[] }> => {
    const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    return JSON.parse(await response.text());
  };
  return { folder, server, ask };
}

/** A whole step, so long ago that what comes now ends its sessions. */
const STEP_MS = 2 * HOUR_MS;
const agoMs = (Math.floor(Date.now() / STEP_MS) - 2) * STEP_MS;
const view = (user: string, minute: number, page: string, country: string) => {
  return { type: 'view', user, page, country, ts: agoMs + minute * MINUTE_MS };
};

/** Of as many users as reach every partition: its clock goes on. */
const now = () => Array.from({ length: 40 }, (_, i) => ({ type: 'view', user: `now-${i}` }));

interface Answer {
  readonly timeseries: {
    readonly rollup: string;
    readonly series: readonly {
      readonly labels: readonly { readonly value: string }[];
      readonly points: readonly {
        readonly values: readonly {
          readonly value: number | null;
          readonly entries: readonly { readonly value: string }[] | null;
        }[];
      }[];
    }[];
  };
}

test('sessions are counted by country with their length, bounces, entries and exits', async (t) => {
  const { server, ask } = await site(t);
  await sendApplied(server, STREAM, [
    view('ann', 10, '/buy', 'de'),
    view('ann', 0, '/', 'at'),
    view('ann', 41, '/again', 'de'),
    view('bob', 0, '/', 'at'),
  ]);
  const after = await sendApplied(server, STREAM, now());
  const from = new Date(agoMs).toISOString();
  const to = new Date(agoMs + STEP_MS).toISOString();
  const { data, errors } = await ask<Answer>(
    `{ timeseries(stream: "sessions:visits", from: "${from}", to: "${to}", step: "2h", after: "${after}", groupBy: ["country"], measures: [
        { op: count }, { op: avg, field: "duration_ms" }, { op: sum, field: "events" }, { op: avg, field: "bounce" },
        { op: top, field: "entry", k: 1 }, { op: top, field: "exit", k: 1 }]) {
        rollup series { labels { value } points { values { value entries { value } } } } } }`,
  );
  t.is(errors, undefined);
  const { rollup, series } = data.timeseries;
  t.is(rollup, 'sessions_visits');
  const sums = new Map<string | undefined, unknown[]>();
  for (const { labels, points } of series) {
    const values = points.flatMap((point) => point.values);
    sums.set(
      labels[0]?.value,
      values.map(({ value, entries }) => entries?.map((each) => each.value).join() ?? value),
    );
  }
  t.deepEqual(sums.get('at')?.slice(0, 4), [2, 5 * MINUTE_MS, 3, 0.5]);
  t.deepEqual(sums.get('de'), [1, 0, 1, 1, '/again', '/again']);
  t.is(sums.get('at')?.[4], '/');
});

/** As stored by a server that has ended: the open sessions by user, and how many events each has. */
async function openSessions(folder: string): Promise<[string, number[]][]> {
  const state = await openState({ dir: join(folder, 'data', 'state'), partitions: PARTITIONS });
  const open: [string, number[]][] = [];
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for await (const { key, value } of scan(state, sessionRange(partition, 'default'))) {
      const events = decodeSessionRow(value).map((session) => session.events);
      open.push([parseSessionKey(key).user, events]);
    }
  }
  await state.close();
  return open.sort();
}

test('a session that is open goes on after a crash', async (t) => {
  const { folder, server } = await site(t);
  const events = ['ann', 'bob'].map((user) => ({ type: 'view', user }));
  await sendApplied(server, STREAM, events);
  await server.kill();
  await server.start();
  await server.ready();
  await sendApplied(server, STREAM, events.slice(0, 1));
  await server.stop();
  t.deepEqual(await openSessions(folder), [
    ['ann', [2]],
    ['bob', [1]],
  ]);
});

test('of sessions there is nothing but what rollups count', async (t) => {
  const { ask } = await site(t);
  const { errors: segments } = await ask(
    '{ timeseries(stream: "sessions:visits", last: "1h", source: SEGMENTS) { rollup } }',
  );
  t.regex(segments?.[0]?.message ?? '', /sessions are in rollups only/);
  const { errors: lacking } = await ask(
    '{ timeseries(stream: "sessions:visits", last: "1h", groupBy: ["city"]) { rollup } }',
  );
  t.regex(lacking?.[0]?.message ?? '', /"sessions_visits" lacks/);
  const { data } = await ask<{ defineRollup: { problems: { path: string; message: string }[] } }>(
    'mutation { defineRollup(input: { name: "mine", stream: "sessions:visits", measures: [count] }) { problems { path message } } }',
  );
  t.like(data.defineRollup.problems[0], { path: 'stream' });
  const { errors: replay } = await ask(
    `mutation { startReplay(stream: "sessions:visits", from: "${new Date(agoMs).toISOString()}", to: "${new Date().toISOString()}") { id } }`,
  );
  t.regex(replay?.[0]?.message ?? '', /sessions are counted as their events come/);
});

test('the open session of a user is erased with its events, and those of others stay', async (t) => {
  const { folder, server, ask } = await site(t);
  const events = ['ann', 'bob'].map((user) => ({ type: 'view', user, page: '/' }));
  await sendApplied(server, STREAM, events);
  const { data } = await ask<{ eraseUser: { id: string } }>(
    `mutation { eraseUser(value: "ann", stream: "${STREAM}") { id } }`,
  );
  let rollups: string[] = [];
  for (let state = ''; state !== 'done'; await sleep(50)) {
    const answer = await ask<{
      erasure: { state: string; notErased: { what: string; rollups: string[] }[] };
    }>(`{ erasure(id: "${data.eraseUser.id}") { state notErased { what rollups } } }`);
    state = answer.data.erasure.state;
    rollups = answer.data.erasure.notErased.flatMap((each) => each.rollups);
  }
  t.true(rollups.includes('sessions_visits'), 'sketches of sessions may have her');
  // Its partition goes on, and does not bring her back.
  await sendApplied(server, STREAM, [{ type: 'view', user: 'bob', page: '/more' }]);
  await server.stop();
  t.deepEqual(await openSessions(folder), [['bob', [2]]]);
});
