/** The form of Explore, while its answer is live. */
import test from 'ava';
import { visit } from './chromium.ts';
import { exploreSite, ROLLUPS } from './explore-site.ts';
import { DESKTOP, until } from './look.ts';
import { send, site } from './site.ts';

test('what is written of an expression stays while the range moves on', async (t) => {
  const { server, url } = await site(t, { rollups: ROLLUPS });
  await send(server, [{ type: 'view' }]);
  const measures = '[{"op":"count"},{"expression":"a"}]';
  const asked = new URLSearchParams({ last: '15m', step: '1s', measures });
  const { page } = await visit(t, `${url}/explore?${asked}`, DESKTOP);
  const shown = () => page.locator('.legend time').first().textContent();
  await page.locator('.legend time').first().waitFor();
  const expression = page.getByLabel('Expression 2');
  await expression.click();
  await page.keyboard.type(' * 2');
  const before = await shown();
  await until(async () => (await shown()) !== before);
  t.is(await expression.inputValue(), 'a * 2');
  await page.keyboard.press('Enter');
  await page.waitForURL(
    ({ searchParams }) => searchParams.get('measures')?.includes('a * 2') === true,
  );
});

test('a rate is of a field, or of events again', async (t) => {
  const { address } = await exploreSite(t);
  const measures = '[{"op":"rate","field":"amount"}]';
  const { page } = await visit(t, address({ measures }), DESKTOP);
  await page.getByLabel('Field of measure 1').selectOption('of events');
  await page.getByRole('region', { name: 'rate', exact: true }).waitFor();
  t.is(new URL(page.url()).searchParams.get('measures'), '[{"op":"rate"}]');
});
