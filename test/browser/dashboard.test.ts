/** The dashboard as somebody sees it: a real browser, a real server, real events. */
import test from 'ava';
import type { Page } from 'playwright-core';
import { visit } from './chromium.ts';
import { askUntil, DESKTOP, lookAt, until } from './look.ts';
import { keyOf, send, site } from './site.ts';

const READER = `sg_${'r'.repeat(43)}`;
const WRITER = `sg_${'w'.repeat(43)}`;

const ROLLUPS = [
  { name: 'by_type', dimensions: ['type'], measures: ['count'] },
  { name: 'users', measures: ['count', 'distinct(user)', 'quantile(duration_ms)'] },
];
/** Fires at the first error. */
const ALARMS = {
  rules: [
    {
      name: 'errors',
      filter: [{ field: 'type', in: ['error'] }],
      window: '5m',
      every: '1s',
      lateness: '0s',
      above: 0,
      severity: 'critical',
    },
  ],
};

const views = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ type: i % 4 === 0 ? 'buy' : 'view', user: `u${i % 50}` },
    duration_ms: 10 + (i % 90),
  }));

const figure = (page: Page, name: string) => page.locator(`[data-figure="${name}"]`);

/** Waits until the page shows it, however long the server takes. */
const untilShown = (page: Page, name: string, text: string) =>
  figure(page, name).filter({ hasText: text }).waitFor({ timeout: 60_000 });

test('a server without events shows how to send one, and turns into the live view by itself', async (t) => {
  const { server, url } = await site(t);
  const { page, origins, troubles } = await visit(t, url, DESKTOP);
  await page.getByRole('heading', { name: 'Send the first event' }).waitFor();
  const line = await page.getByLabel('Command that sends an event').inputValue();
  t.true(line.startsWith(`curl 'http://${server.host}:${server.ingestPort}/v1/events' -H`), line);
  const tag = await page.getByLabel('Line for the pages of a site').inputValue();
  t.is(tag, `<script src="http://${server.host}:${server.ingestPort}/client.js" async></script>`);
  await page.getByRole('button', { name: 'Send a test event' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 60_000 });
  await untilShown(page, 'total', '1');
  t.is(await page.getByRole('heading', { name: 'Send the first event' }).count(), 0);
  await page.getByRole('row', { name: 'test_event 1' }).waitFor();
  t.deepEqual([...origins], [url]);
  t.deepEqual(troubles, []);
});

test('an event of somebody else turns the first page into the live view, too', async (t) => {
  const { server, url } = await site(t, {
    keys: [keyOf('reader', 'acme', READER, ['read']), keyOf('writer', 'acme', WRITER, ['write'])],
  });
  const { page } = await visit(t, url, DESKTOP);
  await page.getByLabel('Key with scope "read" or "admin"').fill(READER);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page
    .getByText('A test event is sent from here with a key that has scope "write"')
    .waitFor();
  t.is(await page.getByRole('button', { name: 'Send a test event' }).count(), 0);
  await send(server, [{ type: 'page_view', url: '/pricing', user: 'u1' }], WRITER);
  await untilShown(page, 'total', '1');
});

test('the first page sees an event of another stream, and one of a day ago; both are then to be chosen', async (t) => {
  const { server, url } = await site(t);
  const { page } = await visit(t, url, DESKTOP);
  await page.getByText('Waiting for the first event').waitFor();
  await send(server, [{ type: 'buy', ts: Date.now() - 86_400_000 }], undefined, 'shop');
  await page.getByText('Events have come to shop.').waitFor({ timeout: 60_000 });
  await send(server, [{ type: 'buy', ts: Date.now() - 86_400_000 }]);
  await page.getByRole('heading', { name: 'Overview' }).waitFor({ timeout: 60_000 });
  await page.reload();
  await page.getByLabel('Stream').selectOption('shop');
  await page.getByText('No rollup counts the events of stream shop').waitFor();
  t.is(new URL(page.url()).searchParams.get('stream'), 'shop');
  await page.getByRole('link', { name: 'System' }).click();
  await page.getByRole('row', { name: /^shop 1 1 / }).waitFor();
});

test('a paused overview stands still, says how far it is behind, and goes on with the newest', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS });
  await send(server, views(8));
  const { page } = await visit(t, url, DESKTOP);
  await untilShown(page, 'total', '8');
  await page.locator('.panels:not(:has(.waiting))').waitFor();
  await untilShown(page, 'uniques', '8');
  await untilShown(page, 'p50', 'ms');
  await page.keyboard.press('Space');
  const behind = page.getByText(/^Paused at .* behind\.$/);
  await behind.waitFor();
  const shown = () => page.locator('[data-figure], .bars td, .quality').allTextContents();
  const paused = await shown();
  await send(server, views(4));
  await server.caughtUp();
  const before = await behind.textContent();
  // What moves that line brings what has come since, too.
  await until(async () => (await behind.textContent()) !== before);
  t.deepEqual(await shown(), paused);
  await page.getByRole('button', { name: 'Go on' }).click();
  await untilShown(page, 'total', '12');
  t.is(await behind.count(), 0);
});

test('the figures of the overview are those that a query answers', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS, alarms: ALARMS });
  const { page } = await visit(t, url, DESKTOP);
  await page.getByRole('heading', { name: 'Send the first event' }).waitFor();
  await send(server, [...views(1_200), { type: 'error' }, { type: 'view', ts: 'yesterday' }]);
  await untilShown(page, 'total', '1,201');
  await untilShown(page, 'accepted', '1,201');
  await untilShown(page, 'rejected', '1');
  await page.getByText('1 firing.').waitFor({ timeout: 60_000 });

  const measured = await server.query<{
    readonly timeseries: {
      readonly series: readonly {
        readonly points: readonly { readonly values: readonly { readonly value: number }[] }[];
      }[];
    };
  }>(`{ timeseries(last: "5s", step: "5s", window: "15m", measures: [
    { op: distinct, field: "user" }, { op: quantile, field: "duration_ms", q: 0.5 }, { op: quantile, field: "duration_ms", q: 0.99 }
  ]) { series { points { values { value } } } } }`);
  const [users, p50, p99] = measured.timeseries.series[0]?.points[0]?.values ?? [];
  await untilShown(page, 'uniques', String(Math.round(users?.value ?? 0)));
  const shown = (ms = 0) => `${Number(ms.toPrecision(3))} ms`;
  await untilShown(page, 'p50', shown(p50?.value));
  await untilShown(page, 'p99', shown(p99?.value));
  await page.getByRole('row', { name: 'view 900' }).waitFor();
  await page.getByRole('row', { name: 'buy 300' }).waitFor();
  t.pass();
});

test('a dead letter is fixed on the page, sent again, and counts', async (t) => {
  const { server, url } = await site(t);
  await send(server, [{ type: 'view', ts: 'yesterday' }]);
  await server.caughtUp();
  const { page } = await visit(t, `${url}/system`, DESKTOP);
  const section = page.getByRole('region', { name: 'Dead letters' });
  const letter = section.getByText('invalid_ts', { exact: true });
  // Letters can be read once their partition has committed them.
  await askUntil(page, section, async () => (await letter.count()) > 0);
  await letter.click();
  const text = section.getByLabel('What was received');
  t.is(await text.inputValue(), '{"type":"view","ts":"yesterday"}');
  await text.fill('{"type":"view","ts":"tomorrow"}');
  await section.getByRole('button', { name: 'Send again' }).click();
  await section.getByText(/^Refused again: .*"ts"/).waitFor();
  await text.fill('{"type":"view"}');
  await section.getByRole('button', { name: 'Send again' }).click();
  await section.getByText('Sent again: it counts.').waitFor();
  const { applied } = await server.ledger();
  t.is(applied, 1);
});

test('a dead letter that is no UTF-8 shows its bytes', async (t) => {
  const { server, url } = await site(t);
  const received = Buffer.from([0x7b, 0x22, 0xff, 0xfe]);
  await fetch(`http://${server.host}:${server.ingestPort}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: received,
  });
  await server.caughtUp();
  const { page } = await visit(t, `${url}/system`, DESKTOP);
  const section = page.getByRole('region', { name: 'Dead letters' });
  const letter = section.locator('.letters summary');
  await askUntil(page, section, async () => (await letter.count()) > 0);
  await letter.click();
  await section.getByText(received.toString('base64'), { exact: true }).waitFor();
  t.is(await section.getByLabel('Send this instead').inputValue(), '');
});

test('who has a key signs in with it, sees its events alone, and signs out', async (t) => {
  const { server, url } = await site(t, {
    keys: [keyOf('reader', 'acme', READER, ['read']), keyOf('writer', 'acme', WRITER, ['write'])],
  });
  await send(server, views(40), WRITER);
  const { page } = await visit(t, url, DESKTOP);
  const key = page.getByLabel('Key with scope "read" or "admin"');
  await key.fill(`sg_${'x'.repeat(43)}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('this is none of the keys of this server').waitFor();
  await key.fill(WRITER);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('the key "writer" may not read').waitFor();
  await key.fill(READER);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await untilShown(page, 'total', '40');
  await page.getByText('How the server is, is for operators').waitFor();
  const [cookie] = await page.context().cookies();
  t.like(cookie, { httpOnly: true, sameSite: 'Strict', path: '/' });
  const stored: string = await page.evaluate('JSON.stringify(localStorage) + document.cookie');
  t.false(stored.includes('sg_'));

  const other = await page.context().newPage();
  await other.goto(`${url}/system`);
  await other.getByRole('heading', { name: 'Ledger' }).waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  // Its sockets were of the same session.
  await other.getByText('You are signed out.').waitFor();
});

test('a lost connection is told of, and the page goes on when the server is back', async (t) => {
  const { server, url } = await site(t);
  await send(server, views(8));
  const { page } = await visit(t, url, DESKTOP);
  await untilShown(page, 'total', '8');
  await server.stop();
  await page.getByText('The connection to the server is lost').waitFor();
  t.is(await figure(page, 'total').textContent(), '8');
  await server.start();
  await page
    .getByText('The connection to the server is lost')
    .waitFor({ state: 'detached', timeout: 60_000 });
  await send(server, views(4));
  await untilShown(page, 'total', '12');
});

test('what could not be asked while the server was away is asked when it is back', async (t) => {
  const { server, url } = await site(t);
  await send(server, views(8));
  const { page } = await visit(t, url, DESKTOP);
  await untilShown(page, 'total', '8');
  await server.stop();
  await page.getByText('The connection to the server is lost').waitFor();
  await page.getByRole('link', { name: 'System' }).click();
  await page
    .getByRole('alert')
    .filter({ hasText: 'The server does not answer.' })
    .first()
    .waitFor();
  await server.start();
  await page.getByRole('row', { name: /^events 8 8 / }).waitFor({ timeout: 60_000 });
  await until(async () => (await page.getByRole('alert').count()) === 0);
  t.pass();
});

test('a stream of which nothing is known is named, and no other is shown in its place', async (t) => {
  const { server, url } = await site(t);
  await send(server, views(8));
  const { page } = await visit(t, `${url}/?stream=orders`, DESKTOP);
  await page.getByText('Stream orders has no event yet.').waitFor();
  t.is(await figure(page, 'total').count(), 0);
  await page.getByLabel('Stream').selectOption('events');
  await untilShown(page, 'total', '8');
});

test('the page is used by keyboard, and its address tells what it shows', async (t) => {
  const { server, url } = await site(t);
  await send(server, views(4));
  const { page } = await visit(t, url, DESKTOP);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.getByRole('heading', { name: 'System' }).waitFor();
  t.is(page.url(), `${url}/system`);
  await page.goBack();
  await page.getByRole('radio', { name: '1 hour' }).check();
  t.is(page.url(), `${url}/?range=1h`);
  await page.reload();
  t.true(await page.getByRole('radio', { name: '1 hour' }).isChecked());
  // The range has the focus, and takes no letters.
  await page.getByRole('radio', { name: '15 minutes' }).check();
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  await page.keyboard.press('?');
  const keys = page.getByRole('dialog', { name: 'Keys' });
  await keys.waitFor();
  // Keys belong to the dialog.
  await page.keyboard.press('g');
  await page.keyboard.press('s');
  await page.keyboard.press('Escape');
  await keys.waitFor({ state: 'detached' });
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
});

test('axe finds nothing serious in any view, and nothing is wider than the window', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS, alarms: ALARMS });
  const { page } = await visit(t, url, DESKTOP);
  const each = (view: string) => lookAt(t, page, view);
  await page.getByRole('heading', { name: 'Send the first event' }).waitFor();
  await each('first-run');
  await send(server, [...views(400), { type: 'error' }, { type: 'view', ts: 'yesterday' }]);
  await page.getByText('1 firing.').waitFor({ timeout: 60_000 });
  await each('overview');
  await page.goto(`${url}/system`);
  await page.getByRole('heading', { name: 'Actors' }).waitFor();
  await each('system');
});
