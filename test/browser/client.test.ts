/** The client of pages in a real browser: pages of one origin, events to another, with all that may happen in between. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { type Ledger, Server } from '../../load-tests/server.ts';
import { visit } from './chromium.ts';

const BUILD = fileURLToPath(new URL('../../bin/build-client.js', import.meta.url));

test.before('the script is that of these sources', () => {
  execFileSync(process.execPath, [BUILD]);
});

interface SiteOptions {
  /** More attributes of the script. */
  readonly attributes?: string;
  /** The page's own script, before the client is there. */
  readonly before?: string;
}

async function site(t: ExecutionContext, { attributes = '', before = '' }: SiteOptions = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-client-'));
  const server = await Server.prepare({
    folder,
    partitions: 2,
    config: { rollups: [], cors: { origins: ['*'] } },
  });
  await server.start();
  const tag = `<script src="http://${server.host}:${server.ingestPort}/client.js" data-key="sg_p" ${attributes} async></script>`;
  const pages = createServer((_, response) => {
    response.setHeader('content-type', 'text/html');
    response.end(`<!doctype html><title>Shop</title><script>${before}</script>${tag}<p>Hello`);
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  t.teardown(async () => {
    pages.close();
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const { port } = pages.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}` };
}

/** In the page, once the client is there. */
async function track(page: Page, type: string, count: number): Promise<void> {
  await page.waitForFunction('window.streamgauge && window.streamgauge.track');
  await page.evaluate(
    `for (let n = 0; n < ${count}; n++) streamgauge.track(${JSON.stringify(type)}, { n })`,
  );
}

/** Whether all that this page knows of is answered. */
async function delivered(page: Page): Promise<void> {
  while (!(await page.evaluate<boolean>('streamgauge.flush()'))) await sleep(20);
}

/** Until the browser has committed so many of the type: what was tracked an instant before a tab goes may go with it. */
async function kept(page: Page, type: string, count: number): Promise<void> {
  const countKept = `(async () => {
    const [database] = await indexedDB.databases();
    if (database === undefined) return 0;
    const done = (request) => new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    const opened = await done(indexedDB.open(database.name));
    const all = await done(opened.transaction('waiting').objectStore('waiting').getAll());
    opened.close();
    return all.filter(({ line }) => JSON.parse(line).type === ${JSON.stringify(type)}).length;
  })()`;
  while ((await page.evaluate<number>(countKept)) < count) await sleep(20);
}

const LEDGER = '{ ledger(stream: "events") { applied duplicate rejected pending } }';

/** Once this many are applied; more would be as wrong as fewer. */
async function applied(server: Server, count: number): Promise<Ledger> {
  for (;;) {
    const { ledger } = await server.query<{ ledger: Ledger }>(LEDGER);
    if (ledger.pending === 0 && ledger.applied >= count) return ledger;
    await sleep(20);
  }
}

interface Row {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

async function events(server: Server, count: number): Promise<readonly Row[]> {
  for (;;) {
    const { events } = await server.query<{ events: { events: readonly Row[] } }>(
      '{ events(stream: "events", first: 1000) { events { type fields } } }',
    );
    if (events.events.length >= count) return events.events.toReversed();
    await sleep(20);
  }
}

const onType =
  (wanted: string) =>
  ({ type }: Row) =>
    type === wanted;

test('one line of HTML tells of page views, and of what the page notes before the script is there', async (t) => {
  const { server, url } = await site(t, {
    before: `(window.streamgauge ||= []).push(['identify', 'u-1'], ['track', 'early', { n: 1 }]);`,
  });
  const { page, troubles } = await visit(t, `${url}/cart?token=secret`);
  await track(page, 'late', 1);
  await page.evaluate(`history.pushState({}, '', '/paid?card=secret')`);
  await delivered(page);
  const found = await events(server, 5);
  t.deepEqual(found.map(({ type }) => type).sort(), [
    'early',
    'identify',
    'late',
    'page_view',
    'page_view',
  ]);
  const views = found.filter(onType('page_view')).map(({ fields }) => fields);
  t.deepEqual(views.map(({ path }) => path).sort(), ['/cart', '/paid']);
  t.false(JSON.stringify(found).includes('secret'));
  t.like(found.find(onType('late'))?.fields, { user: 'u-1', n: 0 });
  for (const field of ['session', 'device']) {
    t.is(new Set(found.map(({ fields }) => fields[field])).size, 1, field);
  }
  t.deepEqual(troubles, []);
});

test('a view is told when somebody sees the page, once, and again when they come back to it', async (t) => {
  const { server, url } = await site(t, {
    before: `Object.defineProperty(document, 'prerendering', { get: () => !window.isSeen })`,
  });
  const { page } = await visit(t, `${url}/cart`);
  t.is(await page.evaluate('typeof window.streamgauge'), 'undefined');
  await page.evaluate(`isSeen = true; document.dispatchEvent(new Event('prerenderingchange'))`);
  await page.evaluate(`new Promise((resolve) => {
    const second = document.createElement('script');
    second.src = document.querySelector('script[src]').src;
    second.onload = resolve;
    document.head.append(second);
  })`);
  await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: false }))`);
  await page.evaluate(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`);
  await track(page, 'last', 1);
  await delivered(page);
  const found = await events(server, 3);
  t.deepEqual(found.map(({ type }) => type).sort(), ['last', 'page_view', 'page_view']);
});

test('what was tracked right before a page goes arrives without another page', async (t) => {
  const { server, url } = await site(t, { attributes: 'data-page-views="off"' });
  const { page } = await visit(t, url);
  await track(page, 'last', 3);
  await page.goto('about:blank');
  t.is((await applied(server, 3)).applied, 3);
});

test('each event counts once while the server is killed, pages are left and tabs closed', async (t) => {
  const { server, url } = await site(t, { attributes: 'data-page-views="off"' });
  const { page } = await visit(t, url);
  await track(page, 'before', 20);
  await delivered(page);
  await track(page, 'under way', 10);
  await server.kill();
  await track(page, 'away', 30);
  await kept(page, 'away', 30);
  // The script is still fresh in the browser's cache.
  await page.goto(`${url}/next`);
  await track(page, 'next page', 40);
  await kept(page, 'next page', 40);
  const other = await page.context().newPage();
  await other.goto(url);
  await track(other, 'other tab', 50);
  await other.evaluate('streamgauge.flush()');
  await kept(other, 'other tab', 50);
  await other.close();
  await server.start();
  await page.goto(`${url}/again`);
  await track(page, 'after', 60);
  await delivered(page);
  const total = 20 + 10 + 30 + 40 + 50 + 60;
  const ledger = await applied(server, total);
  t.like(ledger, { applied: total, rejected: 0 });
  const found = await events(server, total);
  const names = found.map(({ type, fields }) => `${type} ${fields['n']}`);
  t.is(new Set(names).size, total);
});

test('what is tracked in the turn in which a page goes is kept, with no server to take it', async (t) => {
  const { server, url } = await site(t, { attributes: 'data-page-views="off"' });
  const { page } = await visit(t, url);
  await track(page, 'first', 1);
  await delivered(page);
  await server.kill();
  await page.evaluate(
    `for (let n = 0; n < 500; n++) streamgauge.track('left', { n }); location = '/next'`,
  );
  await page.waitForURL(`${url}/next`);
  await server.start();
  await page.waitForFunction('window.streamgauge && window.streamgauge.track');
  await delivered(page);
  t.like(await applied(server, 501), { applied: 501, rejected: 0 });
});

test('a page without consent stores and sends nothing, until it is given', async (t) => {
  const { server, url } = await site(t, { attributes: 'data-consent="false"' });
  const { page } = await visit(t, url);
  const asked: string[] = [];
  page.on('request', (request) => asked.push(request.url()));
  await track(page, 'refused', 5);
  await page.evaluate('streamgauge.flush()');
  const stored = 'indexedDB.databases().then((all) => all.length + localStorage.length)';
  t.is(await page.evaluate(stored), 0);
  t.deepEqual(asked, []);
  await page.evaluate('streamgauge.consent(true)');
  await track(page, 'wanted', 1);
  await delivered(page);
  const found = await events(server, 2);
  t.deepEqual(found.map(({ type }) => type).sort(), ['page_view', 'wanted']);
});
