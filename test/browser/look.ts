/** How a view looks: in light and dark, on a desk and in a hand. */
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Locator, Page } from 'playwright-core';

export const PHONE = { viewport: { width: 390, height: 844 } };
export const DESKTOP = { viewport: { width: 1280, height: 900 } };
const LOOKS = (['light', 'dark'] as const).flatMap((colorScheme) => [
  { name: `${colorScheme}-desktop`, options: { ...DESKTOP, colorScheme } },
  { name: `${colorScheme}-phone`, options: { ...PHONE, colorScheme } },
]);

/** axe finds nothing serious, nothing is wider than the window, nor is the bar that is fixed in it; a picture of each is left. */
export async function lookAt(t: ExecutionContext, page: Page, view: string): Promise<void> {
  for (const { name, options } of LOOKS) {
    await page.emulateMedia({ colorScheme: options.colorScheme });
    await page.setViewportSize(options.viewport);
    await look(t, page, `${view}-${name}`);
  }
}

const AXE = readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** Pictures for people, who see what axe does not. */
const PICTURES = join(tmpdir(), 'streamgauge-pictures');

async function look(t: ExecutionContext, page: Page, name: string): Promise<void> {
  await mkdir(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  await page.evaluate(await AXE);
  const { violations }: { violations: readonly Violation[] } = await page.evaluate('axe.run()');
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  t.deepEqual(
    serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
    [],
    name,
  );
  const [wide, window]: [number, number] = await page.evaluate(`[
    Math.max(document.documentElement.scrollWidth, ...[...document.querySelectorAll('.rail a')]
      .map((link) => link.getBoundingClientRect().left + link.scrollWidth)),
    innerWidth,
  ]`);
  t.true(wide <= window, `${name} is ${wide} px wide in a window of ${window}`);
}

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string }[];
}

/** Of what no subscription tells. */
export async function askUntil(
  page: Page,
  part: Page | Locator,
  found: () => Promise<boolean>,
): Promise<void> {
  await until(async () => {
    await part.getByRole('button', { name: 'Ask again' }).click();
    // The answer is on its way: what is asked anew meanwhile is asked after it.
    await page.waitForTimeout(200);
    return found();
  });
}

/** The test's own time limit is its bound. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}
