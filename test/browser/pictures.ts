/** The pictures of docs/first-dashboard.md, made anew: `npm run pictures`. A real server, the shop of examples/, and visitors who walk through it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../../load-tests/chromium.ts';
import { reservePort } from '../../load-tests/reserve-port.ts';
import { Server } from '../../load-tests/server.ts';

const SHOP = fileURLToPath(new URL('../../examples/site/serve.js', import.meta.url));
const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const WINDOW = { width: 1120, height: 720 };
const PHONE = { width: 390, height: 720 };

const AGENTS = [
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0',
];
const SOURCES = ['newsletter', 'search', 'search', 'a-blog'];
/** Which pages they go to one after the other. */
const WALKS = [[], ['Lamps'], ['Chairs', 'Lamps'], ['Chairs', 'Your cart'], ['Lamps']];
const VISITORS = 60;
const AT_A_TIME = 3;

/** A page has told of its view. */
const isTold = (response: { url(): string; ok(): boolean }): boolean =>
  response.url().includes('/v1/events') && response.ok();

/** From one page of the shop to the next by its links, as somebody nobody has seen before. */
async function walk(browser: Browser, shop: string, visitor: number): Promise<void> {
  const context = await browser.newContext({ userAgent: AGENTS[visitor % AGENTS.length] ?? '' });
  const page = await context.newPage();
  const address = `${shop}/?utm_source=${SOURCES[visitor % SOURCES.length]}`;
  await Promise.all([page.waitForResponse(isTold), page.goto(address)]);
  for (const title of WALKS[visitor % WALKS.length] ?? []) {
    const link = page.getByRole('navigation').getByRole('link', { name: title, exact: true });
    await Promise.all([page.waitForResponse(isTold), link.click()]);
  }
  await context.close();
}

const taken = (page: Page, name: string): Promise<Buffer> =>
  page.screenshot({ path: join(IMAGES, `${name}.png`) });

async function takePictures(browser: Browser, url: string): Promise<void> {
  const page = await browser.newPage({ viewport: WINDOW });
  await page.goto(url);
  await page.getByRole('row', { name: /page_view/ }).waitFor();
  await taken(page, 'overview');
  await page.goto(`${url}/dashboards?id=web`);
  await page
    .getByText(/^A day before: \d/)
    .nth(2)
    .waitFor();
  await page.getByRole('row', { name: /\/lamps/ }).waitFor();
  await taken(page, 'web-dashboard');
  await page.goto(`${url}/explore?${new URLSearchParams({ last: '15m', step: '15s' })}`);
  await page.getByRole('region', { name: 'count', exact: true }).waitFor();
  await page.getByRole('button', { name: 'Save to dashboard' }).click();
  await page.getByLabel('Its name').fill('The shop');
  await page.getByLabel('Title of the panel').fill('Views');
  await taken(page, 'save');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await page.getByRole('button', { name: 'Share', exact: true }).waitFor();
  await page.goto(`${url}/dashboards?id=web&do=share`);
  await page.getByLabel('Whom it is for').fill('The office screen');
  await page.getByRole('button', { name: 'Make a link' }).click();
  const link = await page.getByLabel('The link', { exact: true }).inputValue();
  const phone = await browser.newPage({ viewport: PHONE, colorScheme: 'dark' });
  await phone.goto(link);
  await phone
    .getByText(/^A day before: \d/)
    .nth(2)
    .waitFor();
  await taken(phone, 'shared');
}

const folder = await mkdtemp(join(tmpdir(), 'streamgauge-pictures-'));
const sitePort = await reservePort();
const shop = `http://localhost:${sitePort}`;
const server = await Server.prepare({
  folder,
  partitions: 1,
  config: {
    rollups: [{ name: 'events_by_type', dimensions: ['type'], measures: ['count'] }],
    web: { enabled: true },
    cors: { origins: [shop] },
  },
});
const site = spawn(process.execPath, [SHOP], {
  stdio: ['ignore', 'pipe', 'inherit'],
  env: { SITE_PORT: `${sitePort}`, STREAMGAUGE_URL: `http://localhost:${server.ingestPort}` },
});
const browser = await launchChromium();
try {
  await Promise.all([server.start(), once(site.stdout, 'data')]);
  for (let first = 0; first < VISITORS; first += AT_A_TIME) {
    const group = Array.from({ length: AT_A_TIME }, (_, i) => first + i);
    await Promise.all(group.map((visitor) => walk(browser, shop, visitor)));
  }
  await server.caughtUp();
  await takePictures(browser, `http://localhost:${server.queryPort}`);
} finally {
  await browser.close();
  site.kill();
  await server.kill();
  await rm(folder, { recursive: true });
}
