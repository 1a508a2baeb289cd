/** The whole server with its log in a topic of a real broker: what is acknowledged counts once, whoever is killed. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { idsIn } from '../../load-tests/cluster/topic-ids.ts';
import { Generator } from '../../load-tests/generator.ts';
import { loadOptions, MAIN_CASE } from '../../load-tests/load-case.ts';
import { Server } from '../../load-tests/server.ts';
import { differences } from '../../load-tests/verify.ts';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import { runHeard } from '../cli/heard-terminal.ts';
import { sseEvents } from '../graphql/sse.ts';
import { sendApplied } from '../send-applied.ts';
import { clientOf, deleteRecords, sendRecords } from './kafka-topics.ts';

const PARTITIONS = 4;
const EVENTS_PER_SECOND = 10_000;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-kafka-server-'));
let kafka: Kafka;
let topics = 0;

test.before(async () => {
  kafka = await startKafka({ dir });
});

test.after.always(async () => {
  await kafka?.stop();
  await rm(dir, { recursive: true, force: true });
});

interface Site {
  readonly topic: string;
  readonly server: Server;
}

async function prepared(
  t: ExecutionContext,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Site> {
  const topic = `events-${topics++}`;
  const server = await serverOn(t, join(dir, topic), topic, config);
  return { topic, server };
}

async function serverOn(
  t: ExecutionContext,
  folder: string,
  topic: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<Server> {
  const server = await Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: { log: { type: 'kafka', kafka: { brokers: [...kafka.addresses], topic } }, ...config },
  });
  t.teardown(() => server.kill());
  return server;
}

const count = async (server: Server, where = 'true'): Promise<number> => {
  const query = `query ($sql: String!) { sql(query: $sql) { rows } }`;
  const sql = `SELECT count(*) FROM events WHERE ${where}`;
  const answer = await server.query<{ sql: { rows: unknown[][] } }>(query, { sql });
  return Number(answer.sql.rows[0]?.[0]);
};

async function until(isTrue: () => Promise<boolean>, waitMs = 120_000): Promise<void> {
  for (const deadline = performance.now() + waitMs; !(await isTrue()); await sleep(100)) {
    if (performance.now() > deadline) throw new Error('waited for too long');
  }
}

test.serial('events count once, though server and broker are killed under load', async (t) => {
  const site = await prepared(t, { archive: { cut: { ageMaxMs: '2s' } } });
  const { server } = site;
  const generator = new Generator();
  t.teardown(() => generator.close());
  const load = { ...MAIN_CASE, eventsPerBody: 200, bodies: 64 };
  const pace = { eventsPerSecond: EVENTS_PER_SECOND };
  await server.start();
  await generator.ask({ type: 'prepare', options: loadOptions(load, server, pace) });
  await generator.ask({ type: 'resume' });
  await sleep(2_000);
  await server.kill();
  await server.start();
  await sleep(1_000);
  await kafka.broker.kill();
  await kafka.broker.start();
  await sleep(1_000);
  await kafka.broker.kill();
  await server.kill();
  await kafka.broker.start();
  await server.start();
  await sleep(2_000);
  await generator.ask({ type: 'drain' });
  const { unexpected } = await generator.ask({ type: 'measure' });
  t.deepEqual(unexpected, []);
  const truth = await generator.ask({ type: 'truth' });
  // A 503 of brokers that went away says nothing of what they have taken.
  const resent = Number.POSITIVE_INFINITY;
  t.deepEqual(await differences(server, { ...truth, resent }), []);

  const ids = await idsIn(kafka.addresses, site.topic);
  t.is(ids.size, truth.events, 'another client counts the same events');
  const { applied, duplicate } = await server.caughtUp();
  const copies = [...ids.values()].reduce((sum, times) => sum + times - 1, 0);
  t.is(applied, truth.events);
  t.true(duplicate <= copies, 'blocks that the brokers have twice are dropped as a whole');

  await until(async () => (await archivedAll(server)) === 0);
  t.is(await count(server), truth.events);
  await server.stop();
});

const event = (n: number) => ({
  id: `e${n}`,
  type: ['buy', 'look'][n % 2],
  user: n % 3 === 0 ? 'ann' : `u${n}`,
});

const eventsFrom = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => event(from + i));

const COUNT_AFTER = `query ($from: Timestamp!, $to: Timestamp!, $after: String!) {
  timeseries(
    stream: "events", from: $from, to: $to, step: "1m", measures: [{op: count}], after: $after
  ) { series { points { values { value } } } }
}`;

/** In the hours around now. */
async function countAfter(server: Server, after: string): Promise<number> {
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  const answer = await server.query<Counted>(COUNT_AFTER, {
    from: minute - 3_600_000,
    to: minute + 3_600_000,
    after,
  });
  const points = answer.timeseries.series.flatMap((series) => series.points);
  return points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
}

interface Counted {
  readonly timeseries: {
    readonly series: readonly {
      readonly points: readonly { readonly values: readonly { readonly value: number | null }[] }[];
    }[];
  };
}

const TAIL = 'subscription { tail(maxPerSecond: 1000) { events { id } } }';

interface Followed {
  readonly data: { readonly tail: { readonly events: readonly { readonly id: string }[] } };
}

/** Answers a function that waits for so many ids of what is committed from now on. */
async function following(t: ExecutionContext, server: Server) {
  const leaving = new AbortController();
  t.teardown(() => leaving.abort());
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query: TAIL }),
    signal: leaving.signal,
  });
  const messages = sseEvents<Followed>(response);
  await messages.next();
  return async (wanted: number): Promise<string[]> => {
    const ids: string[] = [];
    while (ids.length < wanted) {
      const { value } = await messages.next();
      ids.push(...(value?.data.tail.events ?? []).map(({ id }: { id: string }) => id));
    }
    return ids;
  };
}

const DEAD_LETTERS = `query ($after: String) {
  deadLetters(first: 2, after: $after) { letters { text } nextCursor }
}`;

interface Letters {
  readonly deadLetters: {
    readonly letters: readonly { readonly text: string }[];
    readonly nextCursor: string | null;
  };
}

test.serial(
  'what a server answers is right where offsets of partitions compare with nothing',
  async (t) => {
    const { server } = await prepared(t);
    await server.start();
    const position = await sendApplied(server, 'events', eventsFrom(0, 60));
    t.is(await countAfter(server, position), 60);
    const elsewhere = encodePositions(new Map([[0, offset(1_000_000)]]));
    await t.throwsAsync(countAfter(server, elsewhere), { message: /position of another server/ });
    // What is followed is what is committed from now on.
    await until(async () => (await count(server)) === 60);
    const followed = await following(t, server);
    await sendApplied(server, 'events', eventsFrom(30, 90));
    t.deepEqual(
      (await followed(30)).sort(),
      eventsFrom(60, 90).map(({ id }) => id),
    );
    t.is(await count(server), 90, 'from the topic');
    for (const line of ['{"a', '{"b', '{"c']) {
      await sendRaw(server, line);
      await sleep(5);
    }
    await until(async () => (await server.ledger()).rejected === 3);
    await until(async () => (await archivedAll(server)) === 0);
    t.is(await count(server), 90, 'from the archive');
    await until(async () => (await lettersOf(server)).length === 3);
    t.deepEqual(await lettersOf(server), ['{"c', '{"b', '{"a']);
    t.like(await server.ledger(), { applied: 90, duplicate: 30, rejected: 3, balanced: true });
    await server.stop();
  },
);

/** Page by page. */
async function lettersOf(server: Server): Promise<string[]> {
  const texts: string[] = [];
  let after: string | null = null;
  do {
    const page: Letters = await server.query<Letters>(DEAD_LETTERS, { after });
    texts.push(...page.deadLetters.letters.map(({ text }) => text));
    after = page.deadLetters.nextCursor;
  } while (after !== null);
  return texts;
}

const ERASURE = `query ($id: ID!) {
  erasure(id: $id) { state problem log { gone } archive { rows } notErased { what } }
}`;

interface Erasure {
  readonly erasure: {
    readonly state: string;
    readonly log: { readonly gone: string | null };
    readonly archive: readonly { readonly rows: number }[];
    readonly notErased: readonly { readonly what: string }[];
  };
}

test.serial(
  'an erased user is found nowhere, and the receipt waits until the topic is rid of it',
  async (t) => {
    const site = await prepared(t, { archive: { removedKeptMs: '1s' } });
    const { server, topic } = site;
    await server.start();
    await sendApplied(server, 'events', eventsFrom(0, 90));
    const { eraseUser } = await server.query<{ eraseUser: { id: string } }>(
      'mutation { eraseUser(value: "ann") { id } }',
    );
    const look = async () => (await server.query<Erasure>(ERASURE, { id: eraseUser.id })).erasure;
    await until(async () => (await look()).state === 'grace');
    t.is(await count(server, "user = 'ann'"), 0);
    t.is(await count(server), 60);
    const waiting = await look();
    t.deepEqual(
      waiting.archive.map(({ rows }) => rows),
      [30],
    );
    t.truthy(waiting.log.gone, 'a week and some');
    t.true(waiting.notErased.some(({ what }) => what === 'the topic that is the log'));
    for (let partition = 0; partition < PARTITIONS; partition++) {
      await deleteRecords(kafka, { topic }, { partition, before: await endOf(site, partition) });
    }
    await until(async () => (await look()).state === 'done');
    // Ids of before went with the topic; those of what came since are known after any crash.
    await sendApplied(server, 'events', eventsFrom(90, 100));
    await server.kill();
    await server.start();
    await sendApplied(server, 'events', eventsFrom(90, 110));
    t.like(await server.ledger(), { applied: 110, balanced: true });
    await server.stop();
  },
);

/** Why the server is not ready; empty if it is. */
async function whyNotReady({ host, queryPort }: Server): Promise<string> {
  const response = await fetch(`http://${host}:${queryPort}/readyz`);
  const text = await response.text();
  return response.ok ? '' : text;
}

test.serial(
  'what others write into the topic holds up its partition, and is passed over once it is deleted',
  async (t) => {
    const site = await prepared(t);
    const { server, topic } = site;
    await server.start();
    await sendApplied(server, 'events', eventsFrom(0, 40));
    await until(async () => (await archivedAll(server)) === 0);
    const stray = await sendRecords(kafka, site, [
      { value: 'garbage', partition: 0 },
      { value: null, partition: 0 },
    ]);
    await until(async () => (await whyNotReady(server)) !== '');
    t.regex(
      await whyNotReady(server),
      new RegExp(`partition 0 stands still: record ${stray} of partition 0 of the topic ${topic} `),
    );
    await sendEvents(server, eventsFrom(40, 80));
    const ends = await Promise.all([0, 1, 2, 3].map((partition) => endOf(site, partition)));
    await until(async () => {
      const offsets = await appliedOffsets(server);
      return [1, 2, 3].every((partition) => (offsets[partition] ?? 0) >= (ends[partition] ?? 0));
    });
    t.is((await appliedOffsets(server))[0], stray);
    await deleteRecords(kafka, site, { partition: 0, before: stray + 2 });
    await until(async () => (await whyNotReady(server)) === '');
    t.like(await server.caughtUp(), { applied: 80, balanced: true });
    await server.kill();
    await server.start();
    t.like(await server.caughtUp(), { applied: 80, balanced: true });
    await until(async () => (await archivedAll(server)) === 0);
    t.is(await count(server), 80);
    await server.stop();
  },
);

test.serial('a topic of other programs is refused before anything is written to it', async (t) => {
  const site = await prepared(t);
  const { server, topic } = site;
  const admin = clientOf(kafka).admin();
  await admin.connect();
  const configEntries = [{ name: 'max.message.bytes', value: '20000000' }];
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, configEntries }] });
  await admin.disconnect();
  await sendRecords(kafka, site, [{ value: '{"type":"order"}', partition: 2 }]);
  await t.throwsAsync(server.start(), { message: /record 0 of partition 2 is no block of events/ });
  t.deepEqual(await Promise.all([0, 1, 2, 3].map((each) => endOf(site, each))), [0, 0, 1, 0]);
});

test.serial('a backup and the topic are a server again', async (t) => {
  const site = await prepared(t, { archive: { enabled: false } });
  const { server, topic } = site;
  await server.start();
  await sendApplied(server, 'events', eventsFrom(0, 50));
  const to = join(dir, `${topic}-backup`);
  const config = join(dir, topic, 'streamgauge.yaml');
  const made = await runHeard('backup', '--config', config, '--to', to);
  t.is(made.exitCode, 0, made.err);
  await sendApplied(server, 'events', eventsFrom(40, 80));
  const ledger = await server.ledger();
  await server.kill();
  const folder = join(dir, `${topic}-restored`);
  const again = await serverOn(t, folder, topic, { archive: { enabled: false } });
  const restored = await runHeard('restore', '--from', to, '--data-dir', again.dataDir);
  t.is(restored.exitCode, 0, restored.err);
  t.regex(restored.out, /Its log is the topic/);
  await again.start();
  t.deepEqual(await again.caughtUp(), ledger);
  await again.stop();
});

test.serial('a topic that was deleted is missed, and none is made in its place', async (t) => {
  const { server, topic } = await prepared(t);
  await server.start();
  await sendApplied(server, 'events', eventsFrom(0, 10));
  await server.stop();
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await t.throwsAsync(server.start(), { message: /there is no topic .* belongs to the log/ });
  t.false((await admin.listTopics()).includes(topic));
  await admin.disconnect();
});

async function endOf({ topic }: Site, partition: number): Promise<number> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  const found = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  return Number(found.find((each) => each.partition === partition)?.high);
}

/** Answers the bytes of log that wait, as those do that are not committed yet. */
async function archivedAll(server: Server): Promise<number> {
  const { archiveNow } = await server.query<{ archiveNow: { waitingBytes: number } }>(
    'mutation { archiveNow { waitingBytes } }',
  );
  return archiveNow.waitingBytes;
}

async function sendEvents(server: Server, events: readonly unknown[]): Promise<void> {
  await sendRaw(server, events.map((each) => JSON.stringify(each)).join('\n'));
}

async function appliedOffsets(server: Server): Promise<number[]> {
  const { partitions } = await server.query<{
    partitions: readonly { readonly appliedOffset: number }[];
  }>('{ partitions { appliedOffset } }');
  return partitions.map(({ appliedOffset }) => appliedOffset);
}

async function sendRaw(server: Server, line: string): Promise<void> {
  const url = `http://${server.host}:${server.ingestPort}/v1/events`;
  const headers = { 'content-type': 'application/x-ndjson' };
  await (await fetch(url, { method: 'POST', headers, body: line })).text();
}
