/** What becomes of events once they are archived, in a real HDFS with a real Hive: compacted, erased, replayed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Part } from '../../deploy/local/part.ts';
import { losingAnswers } from './losing-answers.ts';
import { END_MS, EVENTS, eventsFrom, FIRST_MS, type ShopEvent } from './shop.ts';
import { STREAM, Warehouse } from './warehouse.ts';

const HOUR_MS = 3_600_000;
const ANN = 'ann';

/** Of an hour of their own times, and a type. */
interface Count {
  readonly hourMs: number;
  readonly type: string;
  readonly total: number;
  readonly ids: number;
  readonly anns: number;
  readonly oldestMs: number;
  readonly newestMs: number;
}

const ALL = eventsFrom(0, EVENTS);
const BEFORE = countsIn(ALL);
const AFTER = countsIn(ALL.filter(({ user }) => user !== ANN));
const ERASED = ALL.filter(({ user }) => user === ANN).length;

test('compacted, without an erased user, and replayed, everybody counts the same events', async (t) => {
  const site = await startSite(t);
  const { warehouse } = site;
  await warehouse.send(eventsFrom(0, 600));
  await warehouse.archived(600);
  await warehouse.send(eventsFrom(300, EVENTS));
  await warehouse.archived(EVENTS);
  await compact(site);
  t.deepEqual(countsOf(await warehouse.inHive(question)), BEFORE, 'Hive, compacted');
  t.deepEqual(await timeseries(warehouse), withoutIds(BEFORE));

  await erase(t, site);
  t.deepEqual(countsOf(await warehouse.inHive(question)), AFTER, 'Hive');
  const files = await warehouse.files();
  const inDuck = await warehouse.inDuck(files, (source) => question(source).replaceAll('`', '"'));
  t.deepEqual(countsOf(inDuck), AFTER, 'DuckDB');
  const inSpark = await warehouse.inSpark(warehouse.viewOf(files), question);
  t.deepEqual(countsOf(inSpark), AFTER, 'Spark');
  t.deepEqual(await timeseries(warehouse), withoutIds(BEFORE), 'rollups keep what they counted');

  const replay = await replayed(warehouse);
  t.is(replay.state, 'COMPARED');
  t.is(Math.max(...replay.differences.map(({ eventsLost }) => eventsLost)), ERASED);
  const refused = await applied(warehouse, replay.id, false);
  t.is(refused.state, 'FAILED');
  t.regex(refused.problem ?? '', new RegExp(`counts ${ERASED} events`));
  t.deepEqual(await timeseries(warehouse), withoutIds(BEFORE), 'nothing was changed');
  t.like(await applied(warehouse, replay.id, true), { state: 'APPLIED', problem: null });
  t.deepEqual(await timeseries(warehouse), withoutIds(AFTER), 'replayed');
});

interface Site {
  readonly warehouse: Warehouse;
  /** Kills it when the next file of events is about to get its name: whether it gets it is left to chance. */
  killedAtMove(part: Part): Promise<void>;
}

async function startSite(t: ExecutionContext): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-cycle-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  let atMove: (() => void) | undefined;
  const warehouse = await Warehouse.start({
    dir,
    measures: ['count', 'min(sent_ms)', 'max(sent_ms)'],
    namenode: ({ webHdfsUrl }) =>
      losingAnswers(t, webHdfsUrl, (_, { searchParams }) => {
        const isOfEvents = searchParams.get('destination')?.includes(`/stream=${STREAM}/`);
        if (atMove === undefined || !isOfEvents) return false;
        atMove();
        atMove = undefined;
        return true;
      }),
  });
  t.teardown(() => warehouse.close());
  return {
    warehouse,
    killedAtMove: async (part) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      atMove = resolve;
      await promise;
      await part.kill();
    },
  };
}

/** Until Hive has been told, too, with the DataNode killed once meanwhile. */
async function compact({ warehouse, killedAtMove }: Site): Promise<void> {
  const killed = killedAtMove(warehouse.hdfs.datanode);
  const compacting = warehouse.archived(EVENTS, '(compact: true)');
  await killed;
  await warehouse.hdfs.datanode.start();
  await compacting;
  while (!(await warehouse.files()).every((path) => /hour=\d\d-c\d+\//.test(path))) {
    await warehouse.archived(EVENTS, '(compact: true)');
  }
  await warehouse.told();
}

/** Until the files that held the events are gone, too, with the NameNode killed once meanwhile. Hive is asked all the time. */
async function erase(t: ExecutionContext, { warehouse, killedAtMove }: Site): Promise<void> {
  const { hdfs, server } = warehouse;
  const killed = killedAtMove(hdfs.namenode);
  const { eraseUser } = await server.query<{ eraseUser: { id: string } }>(
    `mutation { eraseUser(value: "${ANN}") { id } }`,
  );
  const stateNow = async (): Promise<string> => {
    const { erasure } = await server.query<{ erasure: { state: string } }>(
      `{ erasure(id: "${eraseUser.id}") { state } }`,
    );
    return erasure.state;
  };
  await killed;
  t.is(await stateNow(), 'archive');
  await hdfs.namenode.start();
  // Its connection is that to the NameNode before, which the first statement finds out.
  await warehouse.inHive(question).catch(() => undefined);
  let looks = 0;
  for (let isDone = false; !isDone; looks++) {
    isDone = (await stateNow()) === 'done';
    const counts = countsOf(await warehouse.inHive(question));
    t.true(areBetween(counts), JSON.stringify(counts));
  }
  t.log(`Hive was asked ${looks} times until the events were gone`);
}

/** Hive, Spark and, but for the quotes, DuckDB understand it. */
function question(source: string): string {
  const hour = 'substring(CAST(ts AS STRING), 1, 13)';
  return `SELECT ${hour} AS hour_of, type,
      CAST(count(*) AS INT) AS total, CAST(count(DISTINCT id) AS INT) AS ids,
      CAST(count(CASE WHEN \`user\` = '${ANN}' THEN 1 END) AS INT) AS anns,
      CAST(min(ts) AS STRING) AS oldest, CAST(max(ts) AS STRING) AS newest
    FROM ${source} GROUP BY ${hour}, type ORDER BY hour_of, type`;
}

const countsOf = (rows: readonly Record<string, unknown>[]): Count[] =>
  rows.map((row) => ({
    hourMs: utcMs(`${row['hour_of']}:00`),
    type: String(row['type']),
    total: Number(row['total']),
    ids: Number(row['ids']),
    anns: Number(row['anns']),
    oldestMs: utcMs(row['oldest']),
    newestMs: utcMs(row['newest']),
  }));

const utcMs = (text: unknown): number => Date.parse(`${text}Z`.replace(' ', 'T'));

function countsIn(events: readonly ShopEvent[]): Count[] {
  const groups = Map.groupBy(
    events,
    ({ ts, type }) => `${Math.floor(ts / HOUR_MS) * HOUR_MS} ${type}`,
  );
  const counts = [...groups].map(([key, of]) => ({
    hourMs: Number(key.split(' ')[0]),
    type: String(key.split(' ')[1]),
    total: of.length,
    ids: of.length,
    anns: of.filter(({ user }) => user === ANN).length,
    oldestMs: Math.min(...of.map(({ ts }) => ts)),
    newestMs: Math.max(...of.map(({ ts }) => ts)),
  }));
  return counts.sort(byHourAndType);
}

function byHourAndType(a: RollupCount, b: RollupCount): number {
  return a.hourMs - b.hourMs || a.type.localeCompare(b.type);
}

/** Others' events are all there, once; of the erased ones some may be gone: hours of arrival are rewritten one by one. */
const areBetween = (counts: readonly Count[]): boolean =>
  counts.length === AFTER.length &&
  counts.every(
    ({ hourMs, type, total, ids, anns }, i) =>
      hourMs === AFTER[i]?.hourMs &&
      type === AFTER[i].type &&
      total === ids &&
      total - anns === AFTER[i].total &&
      anns <= (BEFORE[i]?.anns ?? 0),
  );

type RollupCount = Omit<Count, 'ids' | 'anns'>;

const withoutIds = (counts: readonly Count[]): RollupCount[] =>
  counts.map(({ ids, anns, ...rest }) => rest);

async function timeseries({ server }: Warehouse): Promise<RollupCount[]> {
  const { timeseries } = await server.query<{
    timeseries: {
      series: {
        labels: { value: string }[];
        points: { t: number; values: { value: number }[] }[];
      }[];
    };
  }>(
    `query ($from: Timestamp!, $to: Timestamp!) {
      timeseries(
        stream: "${STREAM}", from: $from, to: $to, step: "1h", groupBy: ["type"], source: ROLLUP
        measures: [{ op: count }, { op: min, field: "sent_ms" }, { op: max, field: "sent_ms" }]
      ) { series { labels { value } points { t values { value } } } }
    }`,
    { from: FIRST_MS - (FIRST_MS % HOUR_MS), to: END_MS - (END_MS % HOUR_MS) + HOUR_MS },
  );
  return timeseries.series
    .flatMap(({ labels, points }) =>
      points.map(({ t, values: [total, oldest, newest] }) => ({
        hourMs: t,
        type: labels[0]?.value ?? '',
        total: total?.value ?? 0,
        oldestMs: oldest?.value ?? 0,
        newestMs: newest?.value ?? 0,
      })),
    )
    .sort(byHourAndType);
}

interface Replay {
  readonly id: string;
  readonly state: string;
  readonly problem: string | null;
  readonly differences: readonly { readonly eventsLost: number }[];
}

async function replayed(warehouse: Warehouse): Promise<Replay> {
  const { startReplay } = await warehouse.server.query<{ startReplay: Replay }>(
    `mutation ($from: Timestamp!, $to: Timestamp!) {
      startReplay(stream: "${STREAM}", from: $from, to: $to) { id }
    }`,
    { from: FIRST_MS - (FIRST_MS % HOUR_MS), to: Date.now() + HOUR_MS },
  );
  return await ended(warehouse, startReplay.id);
}

async function applied(warehouse: Warehouse, id: string, allowLoss: boolean): Promise<Replay> {
  await warehouse.server.query(
    `mutation { applyReplay(id: "${id}", allowLoss: ${allowLoss}) { id } }`,
  );
  return await ended(warehouse, id);
}

async function ended({ server }: Warehouse, id: string): Promise<Replay> {
  for (;;) {
    const { replays } = await server.query<{ replays: Replay[] }>(
      '{ replays { id state problem differences { eventsLost } } }',
    );
    const replay = replays.find((each) => each.id === id);
    if (replay !== undefined && !['RUNNING', 'APPLYING'].includes(replay.state)) return replay;
    await sleep(50);
  }
}
