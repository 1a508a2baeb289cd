import test from 'ava';
import { archive, openSite, page, send, sql } from './site.ts';

test('what is asked about single events shows in the metrics, and what was read for it', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const metric = async (name: string) => {
    const { host, queryPort } = site.server;
    const text = await (await fetch(`http://${host}:${queryPort}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`streamgauge_${name} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  const events = [1, 2, 3].map((n) => ({ type: 'view', n }));
  await archive(site, await send(site, 'shop', events));
  const position = await send(site, 'shop', [{ type: 'view', n: 4 }]);
  t.is((await page(site, { stream: 'shop', position })).events.length, 4);
  await t.throwsAsync(sql(site, 'DROP TABLE shop'));
  t.is(await metric('cold_questions_total{kind="events",outcome="answered"}'), 2);
  t.is(await metric('cold_questions_total{kind="sql",outcome="invalid"}'), 1);
  t.is(await metric('cold_milliseconds_count{kind="events"}'), 2);
  t.is(await metric('cold_wait_milliseconds_count'), 3);
  t.is(await metric('cold_rows_read_total'), 4);
  t.true(Number(await metric('cold_tail_bytes')) > 0);
  t.is(await metric('archive_problem'), 0);
});
