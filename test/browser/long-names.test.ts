/** Names as events bring them, addresses of pages among them: without a blank, and longer than any window. */
import test from 'ava';
import type { Page } from 'playwright-core';
import { visit } from './chromium.ts';
import { ROLLUPS } from './explore-site.ts';
import { DESKTOP, PHONE } from './look.ts';
import { put, send, site } from './site.ts';

/** However long a server takes that shares its cores. */
const PATIENCE = { timeout: 90_000 };
const FIELD = `field_${'of_long_name_'.repeat(6)}`;

const longNames = [60, 400, 1_000].map((length, i) => ({
  type: `/shop/${i}${'category'.repeat(125)}`.slice(0, length),
  country: 'DE',
  [FIELD]: 'x',
}));

/** In px; below 1 nothing can be scrolled. */
const tooWide = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');

test('names without blanks make no view wider than the window, and hide no count', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS });
  await send(server, longNames);
  const asked = { measures: [{ op: 'count' }], groupBy: ['type'] };
  const id = await put(url, [
    { title: 'Lines', show: 'CHART', question: asked },
    { title: 'Rows', show: 'TABLE', question: asked },
    { title: 'Figures', show: 'NUMBER', question: asked },
  ]);
  const views = [
    { path: '/', shows: 'table.bars' },
    { path: '/events', shows: '.event-line >> nth=2' },
    {
      path: `/explore?${new URLSearchParams({ groupBy: '["type"]' })}`,
      shows: `body:has(.legend) select:has(option:text-is("${FIELD}"))`,
    },
    { path: `/dashboards?id=${id}`, shows: 'table.bars' },
  ];
  const { page } = await visit(t, url, PHONE);
  for (const { path, shows } of views) {
    await page.goto(`${url}${path}`);
    await page.locator(shows).first().waitFor(PATIENCE);
    for (const { viewport } of [PHONE, DESKTOP]) {
      await page.setViewportSize(viewport);
      t.is(await tooWide(page), 0, `${path} in a window of ${viewport.width} px`);
    }
  }
  await page.setViewportSize(PHONE.viewport);
  const counts = await page
    .locator('td.number')
    .evaluateAll((cells) => cells.map((cell) => cell.getBoundingClientRect().right));
  t.is(counts.length, longNames.length);
  for (const right of counts) t.true(right <= PHONE.viewport.width, `a count ends at ${right} px`);
});
