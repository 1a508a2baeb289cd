/** Explore as somebody uses it: a real browser, a real server, real events. */
import test from 'ava';
import type { Page } from 'playwright-core';
import type { Server } from '../../load-tests/server.ts';
import { visit } from './chromium.ts';
import { exploreSite, MINUTE_MS, ROLLUPS, someMinutes } from './explore-site.ts';
import { askUntil, DESKTOP, lookAt, PHONE, until } from './look.ts';
import { send, site } from './site.ts';

const copied = async (page: Page, form: string): Promise<string> => {
  await page.getByRole('button', { name: form, exact: true }).click();
  return page.getByLabel(`The question as ${form}`).inputValue();
};

/** Of the charts, whose numbers are written while they are open. Another question has others. */
const openTables = (page: Page): Promise<void> =>
  page.evaluate(
    `document.querySelectorAll('.chart details').forEach((table) => { table.open = true; })`,
  );

/** What the table below a chart says, the newest step first. */
async function rowsOf(page: Page, title: string): Promise<string[]> {
  const rows = page.getByRole('region', { name: title, exact: true }).locator('tbody tr');
  await until(async () => {
    await openTables(page);
    return (await rows.count()) > 0;
  });
  return rows.allTextContents();
}

/** The sum of what the table has. */
async function countIn(page: Page): Promise<number> {
  await openTables(page);
  const cells = await page.locator('.chart tbody td').allTextContents();
  return cells.reduce((sum, text) => sum + Number(text), 0);
}

interface Answer {
  readonly timeseries: {
    readonly series: readonly {
      readonly labels: readonly { readonly value: string | null }[];
      readonly points: readonly { readonly t: number; readonly values: readonly Value[] }[];
      readonly compared?: readonly { readonly t: number; readonly values: readonly Value[] }[];
    }[];
  };
}
interface Value {
  readonly value: number | null;
  readonly errorBound: number;
}

const answerTo = (server: Server, document: string): Promise<Answer> => server.query(document);

test('what is chosen is drawn, and copied as GraphQL the server answers the same', async (t) => {
  const { server, url, address } = await exploreSite(t);
  const { page, origins, troubles } = await visit(t, address({}), DESKTOP);
  await page.getByRole('region', { name: 'count', exact: true }).waitFor();
  await page.getByLabel('Field to group by').selectOption('type');
  await page.getByRole('button', { name: 'view' }).waitFor();
  await page.getByLabel('Field to filter by').fill('country');
  await page.getByLabel('How it is compared').selectOption('is there');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByLabel('Field to filter by').fill('country');
  await page.getByLabel('How it is compared').selectOption('=');
  await page.getByLabel('Value to compare with').fill('FR');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('country = FR').waitFor();
  await page.getByRole('button', { name: 'Add a measure' }).click();
  await page.getByLabel('Measure 2', { exact: true }).selectOption('quantile');
  await page.getByLabel('Quantile of measure 2').selectOption('p50');
  await page.getByRole('region', { name: 'quantile(duration_ms, 0.5)' }).waitFor();
  await page.locator('.quality', { hasText: /by_type · exact/ }).waitFor();

  const document = await copied(page, 'GraphQL');
  const { timeseries } = await answerTo(server, document);
  const answered = timeseries.series.flatMap(({ labels, points }) =>
    points.map(({ t: time, values }) =>
      [
        ...[time, time + MINUTE_MS].map((ms) => new Date(ms).toISOString()),
        ...labels.map(({ value }) => value),
        ...values.flatMap(({ value, errorBound }) => [value, errorBound]),
      ].join(','),
    ),
  );
  t.is(timeseries.series.length, 3);
  const [head, ...rows] = (await copied(page, 'CSV')).trimEnd().split('\n');
  t.is(
    head,
    'from,to,type,count,count error bound,"quantile(duration_ms, 0.5)","quantile(duration_ms, 0.5) error bound"',
  );
  t.deepEqual(rows, answered);
  t.true((await copied(page, 'curl')).startsWith(`curl '${url}/graphql' -H 'Content-Type`));
  t.deepEqual([...origins], [url]);
  t.deepEqual(troubles, []);
});

test('a drag over the chart zooms in, back and zooming out lead back', async (t) => {
  const { address, middle } = await exploreSite(t);
  const { page } = await visit(t, address({}), DESKTOP);
  const plot = page.locator('.u-over');
  await plot.waitFor();
  t.is((await rowsOf(page, 'count')).length, 10);
  const before = page.url();
  const { x, y, width, height } = (await plot.boundingBox()) ?? t.fail();
  await page.mouse.move(x + width * 0.25, y + height / 2);
  await page.mouse.down();
  await page.mouse.move(x + width * 0.4, y + height / 2);
  await page.mouse.move(x + width * 0.55, y + height / 2);
  await page.mouse.up();
  const zoomed = { from: middle + 2 * MINUTE_MS, to: middle + 6 * MINUTE_MS };
  await page.waitForURL(({ searchParams }) => searchParams.get('from') === `${zoomed.from}`);
  t.is(new URL(page.url()).searchParams.get('to'), `${zoomed.to}`);
  await until(async () => (await rowsOf(page, 'count')).length === 4);
  await page.getByRole('button', { name: 'Zoom out' }).click();
  const out = { from: zoomed.from - 2 * MINUTE_MS, to: zoomed.to + 2 * MINUTE_MS };
  await page.waitForURL(({ searchParams }) => searchParams.get('from') === `${out.from}`);
  t.is(new URL(page.url()).searchParams.get('to'), `${out.to}`);
  await page.goBack();
  await page.goBack();
  t.is(page.url(), before);
  await until(async () => (await rowsOf(page, 'count')).length === 10);
});

test('one finger that goes sideways over the chart zooms in', async (t) => {
  const { address, middle } = await exploreSite(t);
  const { page } = await visit(t, address({}), { ...PHONE, hasTouch: true });
  const plot = page.locator('.u-over');
  await plot.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await plot.boundingBox()) ?? t.fail();
  const finger = await page.context().newCDPSession(page);
  const touch = (type: 'touchStart' | 'touchMove' | 'touchEnd', ...across: number[]) =>
    finger.send('Input.dispatchTouchEvent', {
      type,
      touchPoints: across.map((part) => ({ x: x + width * part, y: y + height / 2 })),
    });
  await touch('touchStart', 0.25);
  for (const part of [0.35, 0.45, 0.55]) await touch('touchMove', part);
  await touch('touchEnd');
  const zoomed = { from: middle + 2 * MINUTE_MS, to: middle + 6 * MINUTE_MS };
  await page.waitForURL(({ searchParams }) => searchParams.get('from') === `${zoomed.from}`);
  t.is(new URL(page.url()).searchParams.get('to'), `${zoomed.to}`);
});

test('the period before stands beside, with the numbers of a query', async (t) => {
  const { server, address, middle } = await exploreSite(t);
  const { page } = await visit(t, address({}), DESKTOP);
  await page
    .getByRole('combobox', { name: 'Compare with', exact: true })
    .selectOption('the period before');
  await page.getByTitle('count, the period before').waitFor();
  await page.getByText(/^Dotted: .* – /).waitFor();
  t.is(new URL(page.url()).searchParams.get('compare'), 'PERIOD_BEFORE');
  const { timeseries } = await answerTo(server, await copied(page, 'GraphQL'));
  const [series] = timeseries.series;
  t.is(series?.points[0]?.t, middle);
  // One more in each minute than in the one before.
  t.deepEqual(
    series?.compared?.map(({ values }) => values[0]?.value),
    Array.from({ length: 10 }, (_, i) => 10 + i),
  );
  const newest = (await rowsOf(page, 'count'))[0] ?? '';
  t.true(newest.endsWith('2919'), `29 and 19 in ${newest}`);
});

test('an address shows the same picture in another browser', async (t) => {
  const { address } = await exploreSite(t);
  const asked = address({
    measures: '[{"op":"sum","field":"amount"},{"op":"count"},{"expression":"a / b"}]',
    where: '{"and":[{"field":"type","in":["view","buy"]},{"field":"country","prefix":"D"}]}',
    groupBy: '["type","country"]',
    zone: 'Asia/Tokyo',
  });
  const first = await visit(t, asked, DESKTOP);
  const second = await visit(t, asked, DESKTOP);
  const [one, other] = [first.page, second.page];
  for (const page of [one, other]) await page.getByRole('region', { name: 'a / b' }).waitFor();
  const table = await copied(one, 'CSV');
  t.is(table.split('\n').length, 1 + 2 * 10 + 1);
  t.is(await copied(other, 'CSV'), table);
  t.is(await copied(one, 'Link'), asked);
  await one.getByText('type in view, buy').waitFor();
  await one.getByRole('button', { name: 'view · DE' }).first().waitFor();
  t.deepEqual(await rowsOf(other, 'a / b'), await rowsOf(one, 'a / b'));
});

test('a step leads to the events behind it, by mouse and by keyboard', async (t) => {
  const { address, to } = await exploreSite(t);
  const { page } = await visit(t, address({ groupBy: '["type"]' }), DESKTOP);
  const chart = page.getByRole('slider');
  await chart.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('Enter');
  const step = { stream: 'events', from: `${to - 2 * MINUTE_MS}`, to: `${to - MINUTE_MS}` };
  const parametersOf = async (name: string) => {
    const href = await page.getByRole('link', { name, exact: true }).first().getAttribute('href');
    return Object.fromEntries(new URL(href ?? '', page.url()).searchParams);
  };
  t.deepEqual(await parametersOf('Events of this step'), step);
  // Of the 28 events of that minute 18 are views.
  t.deepEqual(await parametersOf('18'), { ...step, where: '{"field":"type","eq":"view"}' });
  await page.keyboard.press('Escape');
  await page.getByRole('link', { name: 'Events of this step' }).waitFor({ state: 'detached' });
  await page.locator('.u-over').click();
  await page.getByRole('link', { name: 'Events of this step' }).waitFor();
  t.pass();
});

test('a range that ends now is live, and pauses', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS });
  const now = Array.from({ length: 40 }, () => ({ type: 'view', country: 'DE' }));
  await send(server, now);
  const { page } = await visit(t, `${url}/explore?last=1h&step=5m`, DESKTOP);
  await until(async () => (await countIn(page)) === 40);
  await send(server, now);
  await until(async () => (await countIn(page)) === 80);
  await page.keyboard.press('Space');
  await page.getByText(/^Paused at .* behind\.$/).waitFor();
  await send(server, now);
  await server.caughtUp();
  t.is(await countIn(page), 80);
  await page.keyboard.press('Space');
  await until(async () => (await countIn(page)) === 120);
});

test('what no rollup keeps the events answer, exactly and not live', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS, archive: { enabled: true } });
  await send(server, someMinutes().events);
  const question = new URLSearchParams({ groupBy: '["path"]', step: '5m' });
  const { page } = await visit(t, `${url}/explore?${question}`, DESKTOP);
  await page.getByText('Not live: no rollup keeps what is asked for.').waitFor();
  // What came last is answered once it is committed.
  await askUntil(page, page, async () => (await countIn(page)) === 390);
  await page.getByText(/steps from the events themselves · exact$/).waitFor();
  await page.getByText(/"by_type" lacks dimension "path"/).waitFor();
  t.pass();
});

test('the heaviest values are those of the whole range', async (t) => {
  const { address } = await exploreSite(t);
  const { page } = await visit(t, address({ measures: '[{"op":"top","field":"path"}]' }), DESKTOP);
  const table = page.getByRole('region', { name: 'top(path)' });
  await table.getByRole('row').first().waitFor();
  // 20 to 29 events a minute, of which every fourth has the same path.
  const rows = await table.locator('tbody tr').allTextContents();
  t.deepEqual(rows, ['/p/065', '/p/162', '/p/260', '/p/358']);
});

test('what cannot be asked is told in the words of the page or of the server', async (t) => {
  const { url, address } = await exploreSite(t);
  const { page } = await visit(t, `${url}/explore?measures=count`, DESKTOP);
  await page.getByText('expected 1 to 16 such as [{"op":"count"}], received "count"').waitFor();
  await page.goto(address({ measures: '[{"op":"quantile","field":"duration_ms","q":7}]' }));
  const alert = page.getByRole('alert');
  await alert.filter({ hasText: '(query_invalid)' }).waitFor();
  t.regex((await alert.textContent()) ?? '', /7/);
});

test('axe finds nothing serious, and nothing is wider than the window', async (t) => {
  const { url, address } = await exploreSite(t);
  const { page } = await visit(t, url, DESKTOP);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('e');
  await page.getByRole('heading', { name: 'Explore' }).waitFor();
  const measures = JSON.stringify([
    ...[{ op: 'count' }, { op: 'distinct', field: 'user' }, { op: 'top', field: 'path' }],
    { op: 'quantile', field: 'duration_ms', q: 0.99 },
  ]);
  await page.goto(address({ measures, groupBy: '["country"]', compare: 'PERIOD_BEFORE' }));
  await page.getByTitle('DE, the period before').first().waitFor();
  await page.getByRole('region', { name: 'top(path)' }).getByRole('row').first().waitFor();
  await page.locator('.u-over').first().click();
  await copied(page, 'GraphQL');
  await lookAt(t, page, 'explore');
});
