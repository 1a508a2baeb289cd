/** `streamgauge query` and a server. */
import test from 'ava';
import { openSite, send } from '../query/cold/site.ts';
import { runHeard } from './heard-terminal.ts';

/** Rows of seconds and minutes are kept of it. */
const T = (Math.floor(Date.now() / 3_600_000) - 1) * 3_600_000;
const TIME = new Date(T).toISOString().replace('.000Z', '');

test('a short question is answered as a table, CSV and JSON, with what the numbers are', async (t) => {
  const rollup = {
    ...{ name: 'by_country', stream: 's', dimensions: ['country'] },
    measures: ['count', 'quantile(duration_ms)', 'top(path)'],
  };
  const site = await openSite({ rollups: [rollup] });
  t.teardown(() => site.close());
  const events = [
    { type: 'x', ts: T, country: 'DE', duration_ms: 1_500, path: '/a' },
    { type: 'x', ts: T + 60_000, country: 'DE', duration_ms: 20, path: '/b' },
    { type: 'x', ts: T, country: 'Ō, "\u001b[2J', duration_ms: 7, path: '/a' },
    { type: 'x', ts: T, country: '=1+2', path: '=A1' },
    { type: 'x', ts: T, country: 'DE', duration_ms: 900 },
    { type: 'x', ts: T, country: 'DE', duration_ms: 2_000 },
  ];
  await send(site, 's', events);
  const run = (...args: string[]) =>
    runHeard('query', '--url', `http://${site.server.host}:${site.server.queryPort}`, ...args);
  const range = ['--stream', 's', '--from', `${T}`, '--to', `${T + 120_000}`, '--step', '1m'];
  const table = await run(
    ...range,
    '--by',
    'country',
    '--measure',
    'count',
    'quantile(duration_ms, 0.5)',
  );
  t.is(table.exitCode, 0, table.err);
  t.notRegex(table.out.replaceAll('\n', ''), /\p{Cc}/u);
  const [head, ...rows] = table.out.trimEnd().split('\n');
  t.regex(
    head ?? '',
    /^time {2,}country {2,}count \[events\] {2,}quantile\(duration_ms, 0.5\) \[ms\]$/,
  );
  t.is(rows.length, 4);
  t.true(rows[0]?.startsWith(`${TIME}Z  DE  `));
  t.regex(rows[0] ?? '', / 3 {2,}1,[45]\d\d(\.\d+)?( ±.*)?$/);
  t.regex(table.err, /^rollup by_country, (not known to be )?complete/);
  const csv = await run(...range, '--by', 'country', '--csv');
  t.is(csv.out.split('\r\n')[0], 'time,country,count,count error bound');
  t.true(csv.out.includes(`${TIME}.000Z,"Ō, ""\u001b[2J",1,0\r\n`));
  const lists = await run(...range, '--by', 'country', '--measure', 'top(path, 2)', '--csv');
  t.true(lists.out.includes(`${TIME}.000Z,DE,/a 1,0\r\n`), lists.out);
  t.true(lists.out.includes(`,'=1+2,'=A1 1,0\r\n`), 'no spreadsheet computes what was sent');
  const json = await run(...range, '--json');
  t.like(JSON.parse(json.out), { names: ['count'], seriesFound: 1 });
  t.regex((await run(...range, '--measure', 'top(path, 1)')).out, / \/a 2\n/);
  t.is(JSON.parse((await run('{ version }')).out).version.length > 0, true);
  t.regex((await run(...range, '--measure', 'sum(')).err, /--measure: expected one such as count/);
  t.regex((await run(...range, '--where', '{')).err, /--where must be JSON/);
  t.regex((await run('{ nothing }')).err, /said: .*nothing/);
});
