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
import { COUNTS_BY_TYPE, countsByType, EVENTS, eventsFrom } from './shop.ts';

const STREAM = 'web-shop';
const TABLE = 'events_default.web_shop';
const WAIT_MS_MAX = 180_000;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hive-server-'));
let hdfs: Hdfs;
let hive: Hive;
let server: Server;

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
    await send(eventsFrom(500, EVENTS));
    await server.query('mutation { archiveNow { rows } }');
    const rows = await inHive(
      countsByType('%'),
      (found) => found.reduce((sum, { total }) => sum + Number(total), 0) === EVENTS,
    );
    t.deepEqual(rows, COUNTS_BY_TYPE);
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
