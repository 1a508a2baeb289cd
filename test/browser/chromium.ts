/** Debian's Chromium with a profile of its own, and what its pages ask for. */
import type { ExecutionContext } from 'ava';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { launchChromium } from '../../load-tests/chromium.ts';

export interface Visit {
  readonly page: Page;
  /** Origins that the page has asked, by HTTP and WebSocket. */
  readonly origins: ReadonlySet<string>;
  /** What went wrong in it: exceptions, and what its policy of contents has kept it from. */
  readonly troubles: readonly string[];
}

/** A browser that nobody has used, closed with the test. */
export async function visit(
  t: ExecutionContext,
  url: string,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const browser = await launchChromium();
  t.teardown(() => browser.close());
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const origins = new Set<string>();
  const troubles: string[] = [];
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  page.on('websocket', (socket) => {
    origins.add(new URL(socket.url().replace(/^ws/, 'http')).origin);
  });
  page.on('pageerror', ({ message }) => troubles.push(message));
  page.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) troubles.push(message.text());
  });
  await page.goto(url);
  return { page, origins, troubles };
}
