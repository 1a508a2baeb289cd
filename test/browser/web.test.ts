/** A page in a real browser, and what a site's analytics then say of its visit: told by the script, and by the pixel without one. */
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
import type { BrowserContextOptions } from 'playwright-core';
import { Server } from '../../load-tests/server.ts';
import { visit } from './chromium.ts';

const BUILD = fileURLToPath(new URL('../../bin/build-client.js', import.meta.url));

test.before('the script is that of these sources', () => {
  execFileSync(process.execPath, [BUILD]);
});

/** As of a browser that a person uses: one that a program drives says so. */
const CHROME =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36';

type Told = 'script' | 'anonymous script' | 'pixel';

/** A site of a start page, from which a link leads to the page that is told of. */
async function site(t: ExecutionContext, told: Told) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-web-'));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: {
      ...{ rollups: [], web: { enabled: true }, cors: { origins: ['*'] } },
      alarms: { server: { enabled: false } },
    },
  });
  await server.start();
  const ingest = `http://${server.host}:${server.ingestPort}`;
  const tag = {
    script: `<script src="${ingest}/client.js" async></script>`,
    'anonymous script': `<script src="${ingest}/client.js" data-anonymous async></script>`,
    pixel: `<img src="${ingest}/v1/pixel.gif" referrerpolicy="no-referrer-when-downgrade">`,
  }[told];
  const pages = createServer(({ url }, response) => {
    response.setHeader('content-type', 'text/html');
    const isTold = url?.startsWith('/cart') === true;
    response.end(`<!doctype html><title>Shop</title>${isTold ? tag : '<a href="">Shop</a>'}`);
  });
  pages.listen(0, '127.0.0.1');
  await once(pages, 'listening');
  t.teardown(async () => {
    pages.close();
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const { port } = pages.address() as AddressInfo;
  return { server, host: `127.0.0.1:${port}`, elsewhere: `http://localhost:${port}/` };
}

interface Found {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly views: number;
  readonly visitors: number;
  readonly sources: readonly { readonly value: string }[];
}

/** Goes to the page by a link of another site, and asks for the aggregates until its view is in them. */
async function visited(
  t: ExecutionContext,
  told: Told,
  options: BrowserContextOptions = { userAgent: CHROME, locale: 'de-DE' },
): Promise<Found> {
  const { server, host, elsewhere } = await site(t, told);
  const { page } = await visit(t, elsewhere, options);
  // Of a page of another site browsers tell its origin alone.
  await page.evaluate(
    `document.querySelector('a').href = 'http://${host}/cart?card=secret&utm_campaign=spring'`,
  );
  await page.click('a');
  for (;;) {
    const { events, timeseries } = await server.query<{
      events: { events: { fields: Found['fields'] }[] };
      timeseries: {
        series: { points: { values: { value: number; entries: Found['sources'] }[] }[] }[];
      };
    }>(`{
      events(stream: "events", first: 10) { events { fields } }
      timeseries(last: "1d", step: "1d", source: ROLLUP, groupBy: ["host"],
        where: { and: [{ field: "type", eq: "page_view" }, { field: "bot", eq: "false" }] },
        measures: [{ op: count }, { op: distinct, field: "visitor" }, { op: top, field: "source", k: 3 }]) {
        series { points { values { value entries { value } } } } }
    }`);
    const [views, visitors, sources] = timeseries.series[0]?.points[0]?.values ?? [];
    const fields = events.events[0]?.fields;
    if (fields !== undefined && (views !== undefined || fields['bot'] === true)) {
      t.is(events.events.length, 1);
      return {
        ...{ fields, sources: sources?.entries ?? [] },
        ...{ views: views?.value ?? 0, visitors: visitors?.value ?? 0 },
      };
    }
    await sleep(20);
  }
}

for (const told of ['script', 'anonymous script', 'pixel'] as const) {
  test(`a visit that the ${told} tells of is one visitor with its browser, system and source`, async (t) => {
    const { fields, views, visitors, sources } = await visited(t, told);
    t.deepEqual([views, visitors], [1, 1]);
    t.like(fields, {
      ...{ path: '/cart', utm_campaign: 'spring', language: 'de-DE', bot: false },
      ...{ browser: 'Chrome', browser_version: '131', os: 'Linux', device_type: 'desktop' },
    });
    t.false(JSON.stringify(fields).includes('secret'));
    if (told === 'pixel') return;
    t.regex(String(fields['source']), /^localhost:\d+$/);
    t.deepEqual(
      sources.map(({ value }) => value),
      [fields['source']],
    );
    t.regex(String(fields['screen']), /^\d+x\d+$/);
    // Who may be kept in the browser is the same one tomorrow.
    t.is(fields['device'] === fields['visitor'], told === 'script');
  });
}

test('of a browser that asks not to be followed a view is counted, and nobody', async (t) => {
  const { fields, views, visitors } = await visited(t, 'script', {
    ...{ userAgent: CHROME, extraHTTPHeaders: { 'sec-gpc': '1' } },
  });
  t.deepEqual([views, visitors], [1, 0]);
  t.is(fields['visitor'], undefined);
});

test('a browser that a program drives is counted as one', async (t) => {
  const { fields, views } = await visited(t, 'script', {});
  t.like(fields, { bot: true, device_type: 'bot' });
  t.is(views, 0);
});
