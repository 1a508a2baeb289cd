/** Rollups rebuilt by a server as it is run: exactly what they were, whatever was lost of them meanwhile. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Random, seededRandom } from '../load-tests/random.ts';
import { Server } from '../load-tests/server.ts';
import { processTerminal } from '../src/cli/terminal.ts';
import { runCli } from '../src/cli.ts';
import { liveRollupKey, rollupRange, seriesRange } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { scan } from '../storage/state/state.ts';
import { sendApplied } from './send-applied.ts';

const PARTITIONS = 3;
const HOUR_MS = 3_600_000;
const ROLLUPS = [
  {
    name: 'by_kind',
    stream: 'shop',
    dimensions: ['type', 'size', 'vip'],
    measures: [
      'count',
      ...['sum(amount)', 'min(amount)', 'max(rare)', 'quantile(amount)', 'distinct(user)'],
    ],
    resolutions: [
      { step: '1s', retention: '30d' },
      { step: '1m', retention: '60d' },
      { step: '1h', retention: '365d' },
    ],
    lateness: '10s',
  },
];

async function site(t: ExecutionContext, config: Readonly<Record<string, unknown>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: { rollups: ROLLUPS, alarms: { server: { enabled: false } }, ...config },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return server;
}

/** Some without a time, late by hours, far ahead, sent twice, with fields of two kinds, and one that few have. */
function drawEvents(random: Random, count: number, nowMs: number): object[] {
  const events: object[] = [];
  for (let i = 0; i < count; i++) {
    const kind = random.between(0, 100);
    const lagMs = kind < 5 ? random.between(0, 5 * HOUR_MS) : random.between(0, 20_000);
    const size = random.between(0, 3);
    events.push({
      id: `e${random.between(0, 9_000)}`,
      type: ['look', 'buy', 'leave'][random.between(0, 3)] as string,
      ...(kind !== 50 && { ts: kind === 51 ? nowMs + HOUR_MS : nowMs - lagMs }),
      user: `ü${random.between(0, 500)}`,
      amount: kind < 30 ? random.between(0, 1_000) : random.between(0, 100_000) / 100,
      size: size === 0 ? 'small' : size === 1 ? 2.5 : size === 2,
      ...(kind < 90 && { vip: kind % 2 === 0 }),
      ...(kind === 77 && random.between(0, 5) === 0 && { rare: random.between(0, 100) }),
    });
  }
  return events;
}

async function send(server: Server, random: Random, batches: number): Promise<void> {
  for (let batch = 0; batch < batches; batch++) {
    await sendApplied(server, 'shop', drawEvents(random, 300, Date.now()));
  }
}

interface Replay {
  readonly id: string;
  readonly state: string;
  readonly rows: number;
  readonly problem: string | null;
  readonly differences: readonly {
    readonly step: number;
    readonly rows: number;
    readonly rowsDiffering: number;
    readonly eventsAdded: number;
    readonly eventsLost: number;
    readonly examples: readonly { readonly liveCount: number; readonly rebuiltCount: number }[];
  }[];
}

const FIELDS =
  'id state rows problem differences { step rows rowsDiffering eventsAdded eventsLost examples { liveCount rebuiltCount } }';

async function start(server: Server, more = ''): Promise<string> {
  const from = new Date(Date.now() - 48 * HOUR_MS).toISOString();
  const to = new Date(Date.now() + 2 * HOUR_MS).toISOString();
  const { startReplay } = await server.query<{ startReplay: Replay }>(
    `mutation { startReplay(stream: "shop", from: "${from}", to: "${to}" ${more}) { id } }`,
  );
  return startReplay.id;
}

async function ended(server: Server, id: string): Promise<Replay> {
  for (;;) {
    const { replays } = await server.query<{ replays: Replay[] }>(`{ replays { ${FIELDS} } }`);
    const replay = replays.find((each) => each.id === id);
    if (replay !== undefined && !['RUNNING', 'APPLYING'].includes(replay.state)) return replay;
    await sleep(50);
  }
}

/** What is applied is committed a moment later, and archived only then. */
async function archiveAll(server: Server): Promise<void> {
  for (;;) {
    const { archiveNow } = await server.query<{ archiveNow: { rows: number } }>(
      'mutation { archiveNow { rows } }',
    );
    const { ledger } = await server.query<{ ledger: { applied: number } }>(
      '{ ledger(stream: "shop") { applied } }',
    );
    if (archiveNow.rows === ledger.applied) return;
    await sleep(50);
  }
}

/** Everything that is stored of the rollup, but for how often a row was amended. */
async function stored(server: Server): Promise<Map<string, string>> {
  const state = await openState({ dir: join(server.dataDir, 'state'), partitions: PARTITIONS });
  const rows = new Map<string, string>();
  try {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      for await (const { key, value } of scan(
        state,
        rollupRange(partition, 'default', 'by_kind'),
      )) {
        const row = Buffer.from(value);
        row.fill(0, 8, 12);
        rows.set(Buffer.from(key).toString('hex'), row.toString('hex'));
      }
      for await (const row of scan(state, seriesRange(partition, 'default', 'by_kind'))) {
        rows.set(Buffer.from(row.key).toString('hex'), Buffer.from(row.value).toString());
      }
    }
  } finally {
    await state.close();
  }
  return rows;
}

/** As if the rollup had just been declared. */
async function forget(server: Server): Promise<void> {
  const state = await openState({ dir: join(server.dataDir, 'state'), partitions: PARTITIONS });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    await state.clear(rollupRange(partition, 'default', 'by_kind'));
    await state.clear(seriesRange(partition, 'default', 'by_kind'));
    await state.commit([{ key: liveRollupKey(partition, 'default', 'by_kind'), value: undefined }]);
  }
  await state.close();
}

interface Answer {
  readonly timeseries: {
    readonly series: readonly {
      readonly labels: readonly { readonly value: string | null }[];
      readonly points: readonly { readonly values: readonly { readonly value: number }[] }[];
    }[];
  };
}

/** What the rollup answers, as numbers in one order. */
async function answer(server: Server): Promise<number[]> {
  const { timeseries } = await server.query<Answer>(
    `query ($from: Timestamp!, $to: Timestamp!) {
      timeseries(
        stream: "shop", from: $from, to: $to, step: "1h", groupBy: ["type", "size", "vip"], limit: 1000, source: ROLLUP
        measures: [
          { op: count }, { op: sum, field: "amount" }, { op: min, field: "amount" }, { op: max, field: "rare" }
          { op: quantile, field: "amount", q: 0.9 }, { op: distinct, field: "user" }
        ]
      ) { series { labels { value } points { t values { value } } } } }`,
    {
      from: new Date(Date.now() - 48 * HOUR_MS).toISOString(),
      to: new Date(Date.now() + 2 * HOUR_MS).toISOString(),
    },
  );
  const name = ({ labels }: Answer['timeseries']['series'][number]) => JSON.stringify(labels);
  const series = [...timeseries.series].sort((a, b) => name(a).localeCompare(name(b)));
  return series.flatMap(({ points }) =>
    points.flatMap(({ values }) => values.map(({ value }) => value)),
  );
}

/** But for the order in which fractions were added. */
function areEqual(t: ExecutionContext, actual: readonly number[], expected: readonly number[]) {
  t.is(actual.length, expected.length);
  for (const [i, value] of expected.entries()) {
    const error = Math.abs((actual[i] ?? 0) - value);
    if (error > Math.abs(value) * 1e-12) t.is(actual[i], value);
  }
}

test.serial('a rebuilt rollup is the live one', async (t) => {
  const server = await site(t);
  const random = seededRandom(7);
  await send(server, random, 8);
  await archiveAll(server);
  await send(server, random, 4);
  const replay = await ended(server, await start(server));
  t.is(replay.problem, null);
  t.is(replay.state, 'COMPARED');
  t.true(replay.rows > 1_500, 'all that is archived, and of the log what is committed by then');
  for (const { rows, rowsDiffering } of replay.differences) {
    t.true(rows > 0);
    t.is(rowsDiffering, 0);
  }
});

test.serial('of a replay that is cancelled nothing stays but its record', async (t) => {
  const server = await site(t);
  await send(server, seededRandom(5), 4);
  const id = await start(server, ', share: 0.01');
  const cancel = `mutation { cancelReplay(id: "${id}") { id state } }`;
  t.deepEqual(await server.query(cancel), { cancelReplay: { id, state: 'CANCELLED' } });
  t.deepEqual(await readdir(join(server.dataDir, 'replay', id)), ['replay.json']);
});

test.serial('what a rollup has lost comes back, bit by bit, and it goes on', async (t) => {
  const server = await site(t);
  const random = seededRandom(11);
  await send(server, random, 6);
  await archiveAll(server);
  await send(server, random, 3);
  const before = await answer(server);
  t.true(before.length > 100);
  await server.stop();
  const rows = await stored(server);
  await forget(server);
  await server.start();
  t.deepEqual(await answer(server), []);
  const replay = await ended(server, await start(server, ', apply: true'));
  t.is(replay.problem, null);
  t.is(replay.state, 'APPLIED');
  t.true(replay.differences.every(({ eventsAdded }) => eventsAdded > 0));
  t.is((await ended(server, await start(server))).differences[0]?.rowsDiffering, 0);
  areEqual(t, await answer(server), before);
  await server.stop();
  t.deepEqual([...(await stored(server)).keys()].sort(), [...rows.keys()].sort());
});

test.serial('a replay that is killed again and again ends, with what came meanwhile', async (t) => {
  const server = await site(t);
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.log(`seed ${seed}`);
  const random = seededRandom(seed);
  await send(server, random, 4);
  await archiveAll(server);
  await send(server, random, 2);
  await server.stop();
  await forget(server);
  await server.start();
  const id = await start(server, ', apply: true, share: 0.2');
  for (let kill = 0; kill < 3; kill++) {
    await send(server, random, 1);
    await sleep(random.between(0, 300));
    await server.kill();
    await server.start();
  }
  t.is((await ended(server, id)).state, 'APPLIED');
  await send(server, random, 1);
  const again = await ended(server, await start(server, ', apply: true'));
  t.is(again.problem, null);
  t.deepEqual(
    again.differences.map(({ rowsDiffering, eventsLost }) => [rowsDiffering, eventsLost]),
    [
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  );
});

test.serial('what comes while a rollup is rebuilt counts once', async (t) => {
  const server = await site(t);
  const random = seededRandom(23);
  await send(server, random, 3);
  await archiveAll(server);
  await server.stop();
  await forget(server);
  await server.start();
  const sending = send(server, random, 12);
  const applied = await ended(server, await start(server, ', apply: true, share: 0.5'));
  t.is(applied.problem, null);
  await sending;
  const again = await ended(server, await start(server, ', apply: true'));
  t.deepEqual(
    again.differences.map(({ rowsDiffering }) => rowsDiffering),
    [0, 0, 0],
  );
});

test.serial('the command line compares, then applies', async (t) => {
  const server = await site(t);
  await send(server, seededRandom(5), 2);
  await archiveAll(server);
  await server.stop();
  await forget(server);
  await server.start();
  const said = { out: '', err: '' };
  const hear = (way: 'out' | 'err') => (text: string) => {
    said[way] += text;
  };
  const terminal = { ...processTerminal, isInteractive: false, out: hear('out'), err: hear('err') };
  const url = `http://${server.host}:${server.queryPort}`;
  const range = ['--from', String(Date.now() - 24 * HOUR_MS), '--to', String(Date.now())];
  const where = ['replay', '--url', url, '--data-dir', server.dataDir];
  t.is(await runCli([...where, '--stream', 'shop', ...range], terminal), 0, said.err);
  t.regex(said.out, /by_kind, 1s: [\d,]+ of [\d,]+ rows differ.* events more, 0 fewer than now/s);
  const id = /--id (\w+)/.exec(said.out)?.[1];
  said.out = '';
  t.is(await runCli([...where, '--id', `${id}`], terminal), 0, said.err);
  t.regex(said.out, /applied; partitions stood still for \d+ ms/);
  t.is(await runCli([...where, '--id', `${id}`], terminal), 1);
  t.regex(said.err, /is applied: start another one/);
});

test.serial('what cannot be replayed is refused with the reason', async (t) => {
  const server = await site(t);
  const ask = (more: string) =>
    server.query(`mutation { startReplay(${more}) { id } }`).catch((error: Error) => error.message);
  const range = 'from: "2026-01-01T00:00:00Z", to: "2026-02-01T00:00:00Z"';
  t.regex(await refusal(`stream: "none", ${range}`), /a stream with rollups/);
  t.regex(await refusal(`stream: "shop", rollup: "x", ${range}`), /by_kind.*received .*"x/);
  t.regex(await refusal(`stream: "shop", share: 0, ${range}`), /share.* above 0/);
  const narrow = 'from: "2026-01-01T00:01:00Z", to: "2026-01-01T00:59:00Z"';
  t.regex(await refusal(`stream: "shop", ${narrow}`), /at least one whole bucket of 3600 s/);

  async function refusal(more: string): Promise<string> {
    return String(await ask(more));
  }
});
