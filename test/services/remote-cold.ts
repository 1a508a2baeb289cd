/** Questions about single events over an archive that is not on this machine: what they read is fetched once, and kept. */
import type { ExecutionContext } from 'ava';
import { archive, openSite, page, type Site, send, sql } from '../query/cold/site.ts';

/** `place`: what the configuration calls it, under `archive`. */
export async function asksRemoteArchive(
  t: ExecutionContext,
  place: Readonly<Record<string, unknown>>,
): Promise<void> {
  const site = await openSite({ archive: place });
  t.teardown(() => site.close());
  const events = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => ({
      id: `e${from + i}`,
      type: 'view',
      n: from + i,
    }));
  await archive(site, await send(site, 'shop', events(0, 60)));
  await archive(site, await send(site, 'shop', events(60, 90)));
  const position = await send(site, 'shop', events(90, 100));

  const all = await page(site, { stream: 'shop', position });
  t.deepEqual(all.events.map(({ fields }) => Number(fields['n'])).sort(byNumber), numbers(100));
  const fetched = await metric(site, 'cold_fetched_bytes_total');
  t.true(fetched > 0);
  t.is(await metric(site, 'cold_cached_bytes'), fetched);

  const counted = await sql(site, 'SELECT count(*), count(DISTINCT id), sum(n)::INT FROM shop');
  t.deepEqual(counted.rows, [[100, 100, 4950]]);
  t.is(await metric(site, 'cold_fetched_bytes_total'), fetched);

  await site.server.stop();
  await site.server.start();
  t.is((await page(site, { stream: 'shop' })).events.length, 100);
  t.is(await metric(site, 'cold_fetched_bytes_total'), fetched);
}

const byNumber = (a: number, b: number): number => a - b;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

const metric = ({ server }: Site, name: string): Promise<number> =>
  server.metric(`streamgauge_${name}`);
