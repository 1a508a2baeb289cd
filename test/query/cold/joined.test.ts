/** Many small files of the archive, which a running server puts together between questions. */
import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { JOINS_DISK_FREE_BYTES_MIN } from '../../../actors/cold/limits.ts';
import { archive, ask, openSite, send, sql } from './site.ts';

const CUTS = 14;
const EVENTS = 60;
const COUNTS =
  'SELECT type, count(*) AS n, count(DISTINCT "user") AS users FROM shop GROUP BY type ORDER BY type';

test('answers stay the same when files are joined, when others come, and when these are replaced', async (t) => {
  t.timeout(180_000);
  const site = await openSite();
  t.teardown(() => site.close());
  const joinedBytes = async () => {
    const { host, queryPort } = site.server;
    const text = await (await fetch(`http://${host}:${queryPort}/metrics`)).text();
    return Number(/^streamgauge_cold_joined_bytes (\d+)/m.exec(text)?.[1] ?? 0);
  };
  let sent = 0;
  const sendSome = async () => {
    const events = Array.from({ length: EVENTS }, () => {
      const n = sent++;
      return { id: `e${n}`, type: `t${n % 3}`, user: `u${n % 50}` };
    });
    await archive(site, await send(site, 'shop', events));
  };
  const checkCounts = async () => {
    const { rows } = await sql(site, COUNTS);
    t.deepEqual(
      rows,
      [0, 1, 2].map((n) => [`t${n}`, sent / 3, 50]),
    );
  };
  for (let i = 0; i < CUTS; i++) await sendSome();
  await checkCounts();
  const { bavail, bsize } = statfsSync(site.folder);
  const hasDisk = bavail * bsize > 2 * JOINS_DISK_FREE_BYTES_MIN;
  while (hasDisk && (await joinedBytes()) === 0) await sleep(50);
  await checkCounts();
  await sendSome();
  await checkCounts();
  await ask(site, 'mutation { archiveNow(compact: true) { rows } }', {});
  await checkCounts();
  t.is(await joinedBytes(), 0);
});
