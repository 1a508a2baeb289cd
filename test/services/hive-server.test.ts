/** Events through a server into HDFS, and its tables in a Hive that was not there at first. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { type Hive, openHive } from '../../deploy/local/hive.ts';
import { Server } from '../../load-tests/server.ts';
import { sendApplied } from '../send-applied.ts';
import { openSession } from './hive.ts';

const STREAM = 'web-shop';
const TABLE = 'events_default.web_shop';
const FIRST_MS = 1_790_000_000_123;
const WAIT_MS_MAX = 180_000;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hive-server-'));
let hdfs: Hdfs;
let hive: Hive;
let server: Server;

const eventsFrom = (from: number, to: number): object[] =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i;
    // A field that comes later, and one that changes its kind.
    const later = n < 600 ? {} : { coupon: `c${n % 3}`, amount: `${n} EUR` };
    const rare = n % 500 === 7 ? { rare: n } : {};
    const ts = FIRST_MS + n;
    return { id: `e${n}`, type: n % 3 === 0 ? 'buy' : 'look', ts, amount: n, ...later, ...rare };
  });

test.before(async () => {
  hdfs = await startHdfs({ dir });
  hive = await openHive({ dir, hdfs });
  server = await Server.prepare({
    folder: join(dir, 'server'),
    partitions: 2,
    config: {
      archive: {
        webhdfs: {
          namenodes: [hdfs.webHdfsUrl],
          dir: '/archive',
          defaultFs: hdfs.rpcUrl,
          user: 'streamgauge',
        },
        hive: { host: hive.host, port: hive.port, databasePrefix: 'events_' },
        cut: { ageMaxMs: 1_000 },
      },
    },
  });
  await server.start();
});

test.after.always(async () => {
  await server?.kill();
  await hive?.stop();
  await hdfs?.stop();
  rmSync(dir, { recursive: true });
});

test.serial(
  'events are archived while Hive is away, and it counts them all when it is there',
  async (t) => {
    await send(eventsFrom(0, 600));
    await server.query('mutation { archiveNow { rows } }');
    await hive.start();
    t.deepEqual(
      await inHive('SELECT count(*) AS total FROM %', ([row]) => row?.['total'] === 600),
      [{ total: 600 }],
    );
  },
);

test.serial(
  'what came later is there with its columns, each event once, to the millisecond',
  async (t) => {
    await send(eventsFrom(500, 1_000));
    await server.query('mutation { archiveNow { rows } }');
    const rows = await inHive(
      `SELECT type, count(*) AS total, count(DISTINCT id) AS ids, sum(amount) AS amount,
       count(amount_string) AS texts, count(coupon) AS coupons, CAST(min(ts) AS STRING) AS first,
       sum(CAST(\`more\`['rare'] AS INT)) AS rare
     FROM % GROUP BY type ORDER BY type`,
      (found) => found.reduce((sum, { total }) => sum + Number(total), 0) === 1_000,
    );
    t.deepEqual(
      rows,
      ['buy', 'look'].map((type) => {
        const isOf = (n: number) => (n % 3 === 0) === (type === 'buy');
        const of = Array.from({ length: 1_000 }, (_, n) => n).filter(isOf);
        const early = of.filter((n) => n < 600);
        const rare = of.filter((n) => n % 500 === 7);
        return {
          type,
          total: of.length,
          ids: of.length,
          amount: early.reduce((sum, n) => sum + n, 0),
          texts: of.length - early.length,
          coupons: of.length - early.length,
          first: new Date(FIRST_MS + (of[0] ?? 0)).toISOString().slice(0, 23).replace('T', ' '),
          rare: rare.length === 0 ? null : rare.reduce((sum, n) => sum + n, 0),
        };
      }),
    );
  },
);

const send = (events: readonly object[]): Promise<string> => sendApplied(server, STREAM, events);

type Rows = Record<string, unknown>[];

/** Asks until the answer is as wanted: Hive is told a moment after the archive has it. `%` is the table. */
async function inHive(question: string, isWanted: (rows: Rows) => boolean): Promise<Rows> {
  const endMs = performance.now() + WAIT_MS_MAX;
  const session = await openSession(hive);
  try {
    for (;;) {
      // Before it was told there is no table.
      const rows = await session.execute(question.replace('%', TABLE)).catch(() => []);
      if (isWanted(rows) || performance.now() > endMs) return rows;
      await sleep(500);
    }
  } finally {
    await session.close();
  }
}
