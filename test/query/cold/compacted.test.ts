/** What is asked of hours that were compacted after their stream got new columns. */
import test from 'ava';
import { archive, ask, openSite, page, type Site, send } from './site.ts';

const STREAM = 'shop';
const ALL_COMPACTED = 'mutation { archiveNow(compact: true) { rows } }';
let here: Site;

test.before(async () => {
  here = await openSite();
});
test.after.always(() => here?.close());

test('what was rare in a stream is found in a compacted hour, as is what has a column since', async (t) => {
  t.timeout(120_000);
  const event = (n: number, coupon?: string) => ({
    ...{ id: `e${n}`, type: 'view', user: `u${n}`, ...(coupon !== undefined && { coupon }) },
  });
  const rare = Array.from({ length: 300 }, (_, n) => event(n, n === 7 ? 'spring' : undefined));
  const common = Array.from({ length: 300 }, (_, n) => event(1_000 + n, `c${n % 50}`));
  const later = [...common, event(2_000, 'spring')];
  for (const events of [
    rare,
    rare.map(({ id, type, user }) => ({ id: `${id}b`, type, user })),
    common,
    later,
  ]) {
    await archive(here, await send(here, STREAM, events));
  }
  await ask(here, ALL_COMPACTED, {});
  const found = async (where: object) =>
    (await page(here, { stream: STREAM, where })).events.map(({ id }) => id).sort();
  t.deepEqual(await found({ field: 'coupon', eq: 'spring' }), ['e2000', 'e7']);
  t.deepEqual(await found({ field: 'user', eq: 'u1001' }), ['e1001']);
  t.deepEqual(await found({ field: 'user', eq: 'u7' }), ['e7', 'e7b']);
  t.deepEqual(await found({ field: 'user', eq: 'nobody' }), []);
  t.is((await found({ field: 'coupon', exists: true })).length, 302);
});
