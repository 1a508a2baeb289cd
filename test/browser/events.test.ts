/** The page of single events: what is found, what comes, and one in full. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';
import type { Page } from 'playwright-core';
import { visit } from './chromium.ts';
import { DESKTOP, lookAt } from './look.ts';
import { keyOf, send, site } from './site.ts';

const READER = `sg_${'r'.repeat(43)}`;
const WRITER = `sg_${'w'.repeat(43)}`;

const list = (page: Page) => page.getByRole('list', { name: 'Events, the newest first' });
const lines = (page: Page) => list(page).locator('.event-line');
/** Single events are seen once they are committed. */
const line = (page: Page, text: string | RegExp) => lines(page).filter({ hasText: text });
const following = (page: Page) => page.locator('[data-figure="following"]');

const order = (id: string, amount: number): object => ({ type: 'order', id, amount, shop: 's-1' });

test('events are found by conditions and told as they come, and the address shows the same again', async (t) => {
  const { server, url } = await site(t);
  await send(server, [order('o-1', 20), order('o-2', 200), { type: 'view', amount: 500 }]);
  const { page, origins, troubles } = await visit(t, `${url}/events`, DESKTOP);
  await line(page, 'amount=500').waitFor();
  await line(page, /amount=20\s/).waitFor();

  await page.getByLabel('Field to filter by').fill('amount');
  await page.getByLabel('How it is compared').selectOption('≥');
  await page.getByLabel('Value to compare with').fill('100');
  await page.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('amount ≥ 100').waitFor();
  await line(page, /amount=20\s/).waitFor({ state: 'detached' });
  await page.goBack();
  await line(page, /amount=20\s/).waitFor();
  await page.goForward();
  await line(page, /amount=20\s/).waitFor({ state: 'detached' });
  await line(page, 'amount=500').click();
  await page.getByRole('button', { name: 'Without events whose type is view' }).click();
  await page.getByText('type ≠ view').waitFor();
  await line(page, 'amount=500').waitFor({ state: 'detached' });

  // Each of the two is told live, and one of them fits.
  await send(server, [order('o-3', 30), order('o-4', 400)]);
  await line(page, 'amount=400').waitFor();
  t.deepEqual(await lines(page).locator('.event-fields').allTextContents(), [
    'amount=400 shop=s-1',
    'amount=200 shop=s-1',
  ]);
  await page.reload();
  await line(page, 'amount=400').waitFor();
  t.is(await lines(page).count(), 2);

  await page.goto(`${url}/events?contains=s-1&to=1`);
  await page.getByText('No event fits.').waitFor();
  await page.getByRole('button', { name: 'Go live' }).click();
  await line(page, 'amount=30').waitFor();
  t.is(await lines(page).count(), 4);
  // What was written last can be mended where it was written.
  await page.goto(`${url}/events?from=2&to=1`);
  await page.getByText(/"from" \(2\) must lie before "to" \(1\)/).waitFor();
  await page.getByRole('button', { name: 'Any time' }).click();
  await line(page, 'amount=30').waitFor();
  await page.goto(`${url}/events?where=amount`);
  await page.getByText('The address has where=amount, expected a condition as JSON').waitFor();
  t.deepEqual([...origins], [url]);
  t.deepEqual(troubles, []);
});

test('a paused list stays as it is and says how many events it is behind', async (t) => {
  const { server, url } = await site(t);
  await send(server, [order('o-1', 1)]);
  const { page } = await visit(t, `${url}/`, DESKTOP);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('v');
  await line(page, 'amount=1').waitFor();
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'Go on' }).waitFor();
  await send(server, [order('o-2', 2), order('o-3', 3)]);
  await following(page).filter({ hasText: 'Paused, 2 behind' }).waitFor();
  t.is(await lines(page).count(), 1);
  await page.keyboard.press('Space');
  await line(page, 'amount=3').waitFor();
  t.is(await following(page).textContent(), 'Live');
  t.is(await lines(page).count(), 3);

  // Nor whoever writes.
  await page.keyboard.press('/');
  await page.keyboard.type('amount');
  await send(server, [order('o-5', 5)]);
  await line(page, 'amount=5').waitFor();
  const search = page.getByPlaceholder('a text of any field');
  t.is(await search.inputValue(), 'amount');
  await search.fill('');
  await search.blur();

  // Whoever reads one is not interrupted either.
  await page.keyboard.press('j');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  const opened = page.locator('.event-line[aria-expanded=true]');
  const before = await opened.textContent();
  await send(server, [order('o-4', 4)]);
  await following(page).filter({ hasText: 'Held while you read, 1 behind' }).waitFor();
  t.is(await opened.textContent(), before);
  t.is(await lines(page).count(), 4);
  await page.getByRole('button', { name: 'Show them' }).click();
  await line(page, 'amount=4').waitFor();
  t.is(await opened.count(), 0);
});

test('of a flood some events are shown, and all others are counted', async (t) => {
  const { server, url } = await site(t);
  const { page } = await visit(t, `${url}/events`, DESKTOP);
  await page.getByText('No event fits.').waitFor();
  const EVENTS = 3_000;
  await send(
    server,
    Array.from({ length: EVENTS }, (_, i) => order(`o-${i}`, i)),
  );
  const counted = `[...document.querySelectorAll('[data-figure="skipped"]')]
    .reduce((sum, { textContent }) => sum + parseInt(textContent.replaceAll(',', '')), 0)
    + document.querySelectorAll('.event-line').length`;
  while ((await page.evaluate(counted)) !== EVENTS) await page.waitForTimeout(50);
  t.true((await lines(page).count()) < EVENTS);
});

test('an event is copied as it is, and the command that sends it again does so', async (t) => {
  const { server, url } = await site(t);
  const sent = { id: 'o-1', ts: 1_770_000_000_000, type: 'order', note: `it's "here"` };
  await send(server, [sent]);
  const { page } = await visit(t, `${url}/events`, {
    ...DESKTOP,
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  await line(page, 'note=').click();
  const copied = async (name: string): Promise<string> => {
    await page.getByRole('button', { name }).click();
    await page.getByText('Copied').first().waitFor();
    return await page.evaluate('navigator.clipboard.readText()');
  };
  t.deepEqual(JSON.parse(await copied('Copy as JSON')), sent);
  await promisify(execFile)('sh', ['-c', await copied('Copy as curl')]);
  const { received, duplicate } = await server.caughtUp();
  t.deepEqual({ received, duplicate }, { received: 2, duplicate: 1 });
  await page.getByRole('link', { name: 'All events around it' }).click();
  await page.getByText(/^Before \d/).waitFor();
  await line(page, 'note=').waitFor();
});

test('who has signed in exports what the filter finds', async (t) => {
  const { server, url } = await site(t, {
    keys: [keyOf('reader', 'acme', READER, ['read']), keyOf('writer', 'acme', WRITER, ['write'])],
  });
  await send(server, [order('o-1', 20), order('o-2', 200)], WRITER);
  const where = encodeURIComponent('{"field":"amount","gt":100}');
  const { page } = await visit(t, `${url}/events?where=${where}`, DESKTOP);
  await page.getByLabel('Key with scope "read" or "admin"').fill(READER);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await line(page, 'amount=200').waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'NDJSON' }).click(),
  ]);
  const exported = await readFile(await download.path(), 'utf8');
  t.like(JSON.parse(exported), { id: 'o-2', type: 'order', amount: 200 });
  t.is(download.suggestedFilename(), 'events.ndjson');
});

test('axe finds nothing serious in events, and nothing is wider than the window', async (t) => {
  const { server, url } = await site(t);
  const message =
    'Payment of order 118 was declined by the bank; the customer was told to try again';
  await send(server, [
    ...Array.from({ length: 60 }, (_, i) => order(`o-${i}`, i * 3.5)),
    { type: 'log', id: 'l-1', level: 'warning', message, trace: 'f'.repeat(300) },
  ]);
  const where = encodeURIComponent('{"field":"type","ne":"view"}');
  const { page } = await visit(t, `${url}/events?where=${where}`, DESKTOP);
  await line(page, 'amount=').first().waitFor();
  await page.getByRole('button', { name: 'Older ones' }).click();
  await line(page, message).click();
  await lookAt(t, page, 'events-open');
  await line(page, message).click();
  await lookAt(t, page, 'events');
});
