/** What a question sees while events arrive and are archived: each event once, and none that was seen is lost. */
import test from 'ava';
import { archive, ask, openSite, page, type Site, send, sql } from './site.ts';

const START_MS = 1_790_000_000_000;
const LOOKS = 12;
const PER_ROUND = 100;
let here: Site;

test.before(async () => {
  here = await openSite({
    rollups: [{ name: 'all', stream: 'shop', dimensions: ['type'], measures: ['count'] }],
  });
});
test.after.always(() => here?.close());

const COUNTS = `SELECT count(*), count(DISTINCT id), count(DISTINCT (_partition, _position, _row))
  FROM shop`;

const event = (n: number) => ({
  id: `e${n}`,
  type: `t${n % 3}`,
  ts: START_MS + (n % 1_000),
  user: `u${n % 50}`,
  ...(n % 7 === 0 && { n }),
});
const round = (n: number) => Array.from({ length: PER_ROUND }, (_, i) => event(n * PER_ROUND + i));

interface Counted {
  readonly timeseries: {
    readonly series: readonly {
      readonly labels: readonly { readonly value: string }[];
      readonly points: readonly { readonly values: readonly { readonly value: number }[] }[];
    }[];
  };
}

test.serial(
  'counts never fall while segments are cut, and in the end are those of the aggregates',
  async (t) => {
    t.timeout(120_000);
    const stream = 'shop';
    let position = '';
    let rounds = 0;
    let isOver = false;
    const sending = (async () => {
      for (; !isOver; rounds++) {
        await send(here, stream, round(rounds));
        // Some of it again, as a sender does that has heard nothing.
        position = await send(here, stream, round(Math.max(0, rounds - 3)).slice(0, 100));
      }
    })();
    const cutting = (async () => {
      while (!isOver) await ask(here, 'mutation { archiveNow { version } }', {});
    })();
    let before = 0;
    for (let look = 0; look < LOOKS; look++) {
      const { rows } = await sql(here, COUNTS).catch((error: Error) => {
        // Of a stream of which nothing is committed nothing is known.
        if (/no events of a stream/.test(error.message)) return { rows: [[0, 0, 0]] };
        throw error;
      });
      const [count, ids, keys] = rows[0] ?? [];
      t.deepEqual([ids, keys], [count, count]);
      t.true(Number(count) >= before, `${count} after ${before}`);
      before = Number(count);
    }
    isOver = true;
    await Promise.all([sending, cutting]);
    const byType =
      'SELECT type, count(*) AS n, count(DISTINCT id), count(n) FROM shop GROUP BY type ORDER BY type';
    const last = await sql(here, byType, { position });
    const { timeseries } = await ask<Counted>(
      here,
      `query ($from: Timestamp!, $to: Timestamp!) {
      timeseries(stream: "shop", from: $from, to: $to, groupBy: ["type"]) {
        series { labels { value } points { values { value } } }
      }
    }`,
      { from: START_MS - 60_000, to: START_MS + 60_000 },
    );
    const counted = new Map(
      timeseries.series.map(({ labels, points }) => [
        labels[0]?.value,
        points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0),
      ]),
    );
    t.is(last.rows.length, 3);
    for (const [type, n, ids] of last.rows) {
      t.is(n, counted.get(String(type)));
      t.is(ids, n);
    }
    const sevenths = last.rows.reduce((sum, row) => sum + Number(row[3]), 0);
    t.is(sevenths, Math.ceil((rounds * PER_ROUND) / 7));
    await archive(here, position);
    t.deepEqual((await sql(here, byType)).rows, last.rows);
    t.log(`${rounds} rounds`);
  },
);

test.serial('a restarted server sees what it has archived and what it has not', async (t) => {
  const stream = 'again';
  const position = await send(here, stream, round(0));
  await archive(here, position);
  await send(here, stream, [event(0)]);
  const all = await send(here, stream, round(1));
  t.is((await page(here, { stream, position: all })).events.length, 2 * PER_ROUND);
  await here.server.kill();
  await here.server.start();
  t.deepEqual(
    (await sql(here, `SELECT count(*), count(DISTINCT id) FROM ${stream}`, { position: all })).rows,
    [[2 * PER_ROUND, 2 * PER_ROUND]],
  );
});
