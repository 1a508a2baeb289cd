/** Saved dashboards as somebody uses them: made of questions of Explore, changed, and shown to others by a link. */
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import type { Server } from '../../load-tests/server.ts';
import { visit } from './chromium.ts';
import { ROLLUPS } from './explore-site.ts';
import { DESKTOP, lookAt, PHONE } from './look.ts';
import { keyOf, put, send, site } from './site.ts';

const ADMIN = `sg_${'a'.repeat(43)}`;
const READER = `sg_${'r'.repeat(43)}`;
const KEYS = [
  keyOf('admin', 'acme', ADMIN, ['admin', 'write']),
  keyOf('reader', 'acme', READER, ['read']),
];
/** However long a server takes that shares its cores. */
const PATIENCE = { timeout: 90_000 };

const views = (count: number): object[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ type: i % 4 === 0 ? 'buy' : 'view', country: i % 2 === 0 ? 'DE' : 'FR' },
    ...{ user: `u${i}`, path: `/p/${i % 3}` },
  }));

/** Without keys, with 40 events. */
async function open(t: ExecutionContext, config: object = {}) {
  const { server, url } = await site(t, { rollups: ROLLUPS, ...config });
  await send(server, views(40));
  return { server, url };
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key with scope "read" or "admin"').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

interface Saved {
  readonly title: string;
  readonly show: 'a chart' | 'a table' | 'a number';
  /** Parameters of Explore. */
  readonly asked: Readonly<Record<string, string>>;
  /** Of a dashboard that there is not yet. */
  readonly name?: string;
}

/** From Explore; the page then shows the dashboard. */
async function save(page: Page, url: string, { title, show, asked, name }: Saved): Promise<void> {
  await page.goto(`${url}/explore?${new URLSearchParams(asked)}`);
  await page.getByRole('button', { name: 'Save to dashboard' }).click();
  const dialog = page.getByRole('dialog', { name: 'Save to dashboard' });
  if (name !== undefined) await dialog.getByLabel('Its name').fill(name);
  await dialog.getByLabel('Title of the panel').fill(title);
  await dialog.getByRole('radio', { name: show }).check();
  await dialog.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: title }).waitFor();
}

const NUMBER: Saved = { title: 'Events', show: 'a number', asked: {}, name: 'Shop' };
const TABLE: Saved = { title: 'Types', show: 'a table', asked: { groupBy: '["type"]' } };
const CHART: Saved = { title: 'Countries', show: 'a chart', asked: { groupBy: '["country"]' } };

const numberIn = (page: Page, title: string, text: string) =>
  page
    .getByRole('region', { name: title, exact: true })
    .locator('dd')
    .filter({ hasText: text })
    .waitFor(PATIENCE);

const titlesIn = (page: Page): Promise<string[]> =>
  page.locator('.panel-grid').getByRole('heading').allTextContents();

/** The page shows the dashboard. */
async function share(page: Page, name: string): Promise<string> {
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByLabel('Whom it is for').fill(name);
  await page.getByRole('button', { name: 'Make a link' }).click();
  return page.getByLabel('The link', { exact: true }).inputValue();
}

test('panels that were saved from Explore stand in the order that somebody gives them by keyboard', async (t) => {
  const { server, url } = await open(t);
  const { page, origins, troubles } = await visit(t, url, DESKTOP);
  await save(page, url, NUMBER);
  await save(page, url, TABLE);
  await numberIn(page, 'Events', '40');
  await page.getByRole('row', { name: 'view 30' }).waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('button', { name: 'Up Types' }).focus();
  await page.keyboard.press('Enter');
  await page.getByText('Types is number 1 of 2').waitFor();
  // Its own button leads no further, so the other one has the focus.
  await page.waitForFunction('document.activeElement.textContent === "Down Types"');
  await page.getByLabel('Name').fill('The shop');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: 'The shop' }).waitFor();
  t.deepEqual(await titlesIn(page), ['Types', 'Events']);
  await page.reload();
  await send(server, views(4));
  await numberIn(page, 'Events', '44');
  await page.getByRole('row', { name: 'view 33' }).waitFor(PATIENCE);
  t.deepEqual(await titlesIn(page), ['Types', 'Events']);
  t.deepEqual([...origins], [url]);
  t.deepEqual(troubles, []);
});

interface Refused {
  readonly status: number;
  readonly text: string;
}

/** As somebody who has the link, and wants more. */
const askedWith = (page: Page, key: string, path: string, query?: string): Promise<Refused> =>
  page.evaluate(
    async ([secret, to, document]) => {
      const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
      const response = await fetch(to, {
        headers,
        ...(document && { method: 'POST', body: JSON.stringify({ query: document }) }),
      });
      return { status: response.status, text: await response.text() };
    },
    [key, path, query ?? ''] as const,
  );

test('a link shows its dashboard live without signing in, nothing else, and no more once it is ended', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS, keys: KEYS });
  await send(server, views(40), ADMIN);
  const { page } = await visit(t, url, DESKTOP);
  await signIn(page, ADMIN);
  await page.getByRole('heading', { name: 'Overview' }).waitFor(PATIENCE);
  await save(page, url, NUMBER);
  await save(page, url, TABLE);
  const link = await share(page, 'The office screen');

  const { page: guest, troubles } = await visit(t, link, PHONE);
  await numberIn(guest, 'Events', '40');
  await send(server, views(8), ADMIN);
  await numberIn(guest, 'Events', '48');
  await guest.getByRole('row', { name: 'view 36' }).waitFor(PATIENCE);
  t.is(await guest.getByRole('navigation').count(), 0);
  t.is(await guest.getByRole('link').count(), 0);
  const [, key = ''] = link.split('#');
  const kept: string = await guest.evaluate(`JSON.stringify([
    { ...localStorage }, { ...sessionStorage }, document.cookie,
    performance.getEntriesByType('resource').map(({ name }) => name)
  ])`);
  t.false(kept.includes(key));
  for (const query of [
    '{ ledger { received } }',
    '{ dashboards { id } }',
    '{ __schema { types { name } } }',
  ]) {
    const { text } = await askedWith(guest, key, '/graphql', query);
    t.regex(text, /"errors"/, query);
    t.notRegex(text, /"data":\{/, query);
  }
  t.not((await askedWith(guest, key, '/metrics')).status, 200);

  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Name').fill('Market');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: 'Market' }).waitFor(PATIENCE);
  await guest.getByRole('heading', { name: 'Market' }).waitFor(PATIENCE);
  await numberIn(guest, 'Events', '48');
  await page.getByRole('button', { name: 'Share', exact: true }).click();
  await page.getByRole('button', { name: 'End The office screen' }).click();
  await page.getByText('No link shows it.').waitFor(PATIENCE);
  await guest.getByText('This link has ended, or is none of this server.').waitFor(PATIENCE);
  t.is(await guest.getByRole('heading', { name: 'Events' }).count(), 0);
  t.deepEqual(troubles, []);
});

test('an address without a key, and with one that nobody has made, is told of', async (t) => {
  const { url } = await open(t);
  const { page } = await visit(t, `${url}/shared`, PHONE);
  await page.getByText('This address is not whole').waitFor();
  await page.goto(`${url}/shared#sgd_${'x'.repeat(43)}`);
  await page.getByText('This link has ended, or is none of this server.').waitFor(PATIENCE);
  t.pass();
});

test('of two who change a dashboard the later one is told, and takes the newer one', async (t) => {
  const { url } = await open(t);
  const { page } = await visit(t, url, DESKTOP);
  await save(page, url, NUMBER);
  const other = await page.context().newPage();
  await other.goto(page.url());
  for (const each of [page, other]) await each.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Name').fill('Theirs');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('heading', { name: 'Theirs' }).waitFor();
  await other.getByLabel('Name').fill('Mine');
  await other.getByRole('button', { name: 'Save', exact: true }).click();
  await other.getByRole('alert').waitFor();
  await other.getByRole('button', { name: 'Load the newer one, without these changes' }).click();
  await other.getByRole('heading', { name: 'Theirs' }).waitFor();
  t.is(await other.getByRole('alert').count(), 0);
});

test('changes that are not saved stay, and a dashboard is dropped when it was asked for twice', async (t) => {
  const { url } = await open(t);
  const { page } = await visit(t, url, DESKTOP);
  await save(page, url, NUMBER);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByLabel('Title').fill('All events');
  await page.getByLabel('Shown as').selectOption('a chart');
  await page.getByRole('link', { name: 'All dashboards' }).click();
  await page.getByRole('link', { name: 'Shop' }).click();
  await page.getByText('It has changes that are not saved').waitFor();
  await page.getByRole('button', { name: 'Edit' }).click();
  t.is(await page.getByLabel('Title').inputValue(), 'All events');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  const panel = page.getByRole('region', { name: 'All events', exact: true });
  await panel.getByRole('slider').waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Edit' }).click();
  // A double click has not read what the button says then.
  await page.getByRole('button', { name: 'Drop dashboard' }).dblclick();
  await page.getByRole('button', { name: 'Drop Shop and end 0 links' }).click();
  await page.getByText('No dashboard is saved.').waitFor();
  t.pass();
});

test('who may only read sees dashboards, and why they cannot be changed', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS, keys: KEYS });
  await send(server, views(40), ADMIN);
  const { page: admin } = await visit(t, url, DESKTOP);
  await signIn(admin, ADMIN);
  await admin.getByRole('heading', { name: 'Overview' }).waitFor(PATIENCE);
  await save(admin, url, NUMBER);
  const { page } = await visit(t, admin.url(), DESKTOP);
  await signIn(page, READER);
  await numberIn(page, 'Events', '40');
  await page.getByText('To change or to share it takes a key with scope "admin".').waitFor();
  t.is(await page.getByRole('button', { name: /Edit|Share/ }).count(), 0);
  await page.goto(`${url}/explore`);
  await page.getByRole('button', { name: 'Save to dashboard' }).click();
  await page.getByText('To save it takes a key with scope "admin".').waitFor();
});

test('a panel leads to its question in Explore; what no rollup keeps is asked once, with the reason', async (t) => {
  const { url } = await open(t, { archive: { enabled: true } });
  const { page } = await visit(t, url, DESKTOP);
  const asked = { groupBy: '["path"]', last: '6h' };
  await save(page, url, { ...CHART, name: 'Shop', title: 'Paths', asked });
  const panel = page.getByRole('region', { name: 'Paths', exact: true });
  await panel.getByText('Not live: no rollup keeps what is asked for.').waitFor(PATIENCE);
  await panel.getByText('Why from the events').click();
  await panel.getByText(/"by_type" lacks dimension "path"/).waitFor();
  await panel.getByRole('link', { name: 'Open in Explore' }).click();
  await page.getByRole('heading', { name: 'Explore' }).waitFor();
  t.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), asked);
});

/** Of two people and a program. */
async function sendVisits(server: Server): Promise<void> {
  const visitor = (name: string, browser: string) => ({
    ...{ type: 'page_view', host: 'shop.example', path: '/cart', visitor: name, bot: false },
    ...{ browser, os: 'Linux', device_type: 'desktop', source: 'news.example' },
  });
  const program = { ...visitor('p', 'Crawler'), bot: true };
  await send(server, [
    visitor('a', 'Firefox'),
    visitor('b', 'Chrome'),
    visitor('b', 'Chrome'),
    program,
  ]);
}

/** Answers of panels above it may push it out of sight again. */
async function botsSeen(page: Page): Promise<void> {
  const crawler = page.getByRole('row', { name: 'Crawler 1' });
  while (!(await crawler.isVisible())) {
    await page.getByRole('region', { name: 'Bots' }).scrollIntoViewIfNeeded();
    await sleep(100);
  }
}

test('with page views there is a dashboard of them, which is copied to be changed', async (t) => {
  const { server, url } = await site(t, { rollups: [], web: { enabled: true } });
  await sendVisits(server);
  const { page } = await visit(t, `${url}/dashboards`, DESKTOP);
  await page
    .getByRole('row', { name: /built in/ })
    .getByRole('link')
    .click();
  await numberIn(page, 'Visitors', '2');
  await numberIn(page, 'Page views', '3');
  await page.getByRole('row', { name: '/cart 3' }).waitFor(PATIENCE);
  await botsSeen(page);
  t.is(await page.getByRole('button', { name: 'Edit', exact: true }).count(), 0);
  await page.getByRole('button', { name: 'Copy to edit' }).click();
  await page.getByRole('button', { name: 'Remove Bots' }).click();
  const saving = page.getByRole('button', { name: 'Save', exact: true });
  await saving.click();
  await saving.waitFor({ ...PATIENCE, state: 'detached' });
  // What was saved comes as news to the page.
  await page.getByRole('region', { name: 'Bots' }).waitFor({ ...PATIENCE, state: 'detached' });
  await numberIn(page, 'Visitors', '2');
  t.false((await titlesIn(page)).includes('Bots'));
});

test('a panel is asked for when it comes into sight', async (t) => {
  const { server, url } = await site(t, { rollups: [], web: { enabled: true } });
  await sendVisits(server);
  const { page } = await visit(t, `${url}/dashboards`, PHONE);
  const sent: string[] = [];
  page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => sent.push(String(payload))),
  );
  const isAsked = (panel: string) => sent.some((text) => text.includes(`"panel":"${panel}"`));
  await page.goto(`${url}/dashboards?id=web`);
  await numberIn(page, 'Visitors', '2');
  t.deepEqual([isAsked('visitors'), isAsked('bots')], [true, false]);
  await botsSeen(page);
  t.true(isAsked('bots'));
});

test('axe finds nothing serious in dashboards, and nothing is wider than the window', async (t) => {
  const { server, url } = await open(t, { web: { enabled: true } });
  await sendVisits(server);
  const { page } = await visit(t, url, DESKTOP);
  const beside = { compare: 'PERIOD_BEFORE', last: '15m' };
  await save(page, url, { ...NUMBER, asked: beside });
  const users = { measures: '[{"op":"distinct","field":"user"}]' };
  await save(page, url, { title: 'Users', show: 'a number', asked: users });
  await save(page, url, { ...CHART, asked: { ...CHART.asked, ...beside } });
  await save(page, url, TABLE);
  await page.getByTitle('DE, the period before').first().waitFor(PATIENCE);
  await numberIn(page, 'Users', '40');
  await lookAt(t, page, 'dashboard');
  const link = await share(page, 'The office screen');
  await page.getByRole('button', { name: 'Edit' }).click();
  await lookAt(t, page, 'dashboard-edit');
  await page.keyboard.press('g');
  await page.keyboard.press('d');
  await page.getByRole('heading', { name: 'Dashboards' }).waitFor();
  await lookAt(t, page, 'dashboards');
  await page.goto(`${url}/dashboards?id=web&do=share`);
  await numberIn(page, 'Visitors', '2');
  await lookAt(t, page, 'dashboard-web');
  await page.goto(`${url}/explore`);
  await page.getByRole('button', { name: 'Save to dashboard' }).click();
  await page.getByLabel('Title of the panel').waitFor();
  await lookAt(t, page, 'dashboard-save');
  await page.goto(link);
  await numberIn(page, 'Users', '40');
  await lookAt(t, page, 'shared');
});

test('questions of any form that the API takes are shown and changed; one that the page fails at leaves the others', async (t) => {
  const { url } = await open(t);
  const id = await put(url, [
    { title: 'Nothing given', show: 'NUMBER', question: {} },
    {
      title: 'Each type',
      show: 'NUMBER',
      question: { measures: [{ op: 'count' }], groupBy: ['type'] },
    },
    { title: 'No lists', show: 'TABLE', question: { measures: { op: 'count' }, groupBy: 'type' } },
  ]);
  const { page, troubles } = await visit(t, `${url}/dashboards?id=${id}`, DESKTOP);
  await numberIn(page, 'Nothing given', '40');
  await numberIn(page, 'Each type', '30');
  const named = page.getByRole('region', { name: 'Each type' }).locator('dt');
  t.deepEqual(await named.allTextContents(), ['view', 'buy']);
  await page.getByRole('row', { name: 'view 30' }).waitFor(PATIENCE);
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByText('count by type · last 1 h').nth(1).waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  // A question that no server answers so.
  await page.routeWebSocket('**/graphql', (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) =>
      socket.send(String(message).replace('"measures":{"op":"count"}', '"measures":[7,null]')),
    );
  });
  await page.reload();
  await page.getByRole('alert').getByText('The panel "No lists" cannot be shown').waitFor(PATIENCE);
  await numberIn(page, 'Nothing given', '40');
  await page.getByRole('button', { name: 'Edit' }).click();
  await page.getByRole('alert').getByText('The view Dashboards cannot be shown').waitFor();
  await page.getByRole('link', { name: 'Explore' }).click();
  await page.getByRole('heading', { name: 'Explore' }).waitFor();
  t.is(await page.getByRole('alert').count(), 0);
  t.deepEqual(troubles, []);
});
