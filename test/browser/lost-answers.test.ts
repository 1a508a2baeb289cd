/** What somebody saves is done, and no answer comes: trying again does it no second time. */
import test, { type ExecutionContext } from 'ava';
import { visit } from './chromium.ts';
import { DESKTOP } from './look.ts';
import { send, site } from './site.ts';

/** However long a server takes that shares its cores. */
const PATIENCE = { timeout: 90_000 };

async function scene(t: ExecutionContext) {
  const { server, url } = await site(t);
  await send(server, [{ type: 'view' }]);
  const { page } = await visit(t, `${url}/dashboards`, DESKTOP);
  /** Of what the page sends next with this in it the answer is lost. */
  let lost: string | undefined;
  await page.route('**/graphql', async (route) => {
    if (lost === undefined || route.request().postData()?.includes(lost) !== true) {
      return route.fallback();
    }
    lost = undefined;
    await route.fetch();
    return route.abort();
  });
  const click = (button: string) => page.getByRole('button', { name: button, exact: true }).click();
  const clickTwice = async (button: string, mutation: string) => {
    lost = mutation;
    await click(button);
    const away = page.getByRole('alert').filter({ hasText: 'The server does not answer' });
    await away.waitFor(PATIENCE);
    await click(button);
  };
  const headed = (name: string) => page.getByRole('heading', { name }).waitFor(PATIENCE);
  return { url, page, click, clickTwice, headed };
}

test('a dashboard, its panel and its link are there once', async (t) => {
  const { url, page, click, clickTwice, headed } = await scene(t);
  await page.getByLabel('Name of a new one').fill('Shop');
  await clickTwice('New dashboard', 'putDashboard');
  await headed('Shop');

  await page.goto(`${url}/explore`);
  await click('Save to dashboard');
  await page.getByLabel('Title of the panel').fill('Events');
  await clickTwice('Save', 'putDashboard');
  await headed('Events');
  const titles = page.locator('.panel-grid').getByRole('heading');
  t.deepEqual(await titles.allTextContents(), ['Events']);

  await click('Edit');
  await page.getByLabel('Name').fill('Market');
  await clickTwice('Save', 'putDashboard');
  await headed('Market');

  await click('Share');
  await page.getByLabel('Whom it is for').fill('Ann');
  await clickTwice('Make a link', 'shareDashboard');
  const link = await page.getByLabel('The link', { exact: true }).inputValue();
  const end = page.getByRole('button', { name: 'End Ann' });
  await end.waitFor(PATIENCE);
  t.is(await end.count(), 1);
  const guest = await page.context().newPage();
  await guest.goto(link);
  await guest.getByRole('heading', { name: 'Market' }).waitFor(PATIENCE);

  await page.getByRole('link', { name: 'All dashboards' }).click();
  const names = page.getByRole('table').getByRole('link');
  await names.first().waitFor(PATIENCE);
  t.deepEqual(await names.allTextContents(), ['Market']);
});

test('a new dashboard that is saved from Explore is there once, too', async (t) => {
  const { url, page, click, clickTwice, headed } = await scene(t);
  await page.goto(`${url}/explore`);
  await click('Save to dashboard');
  await page.getByLabel('Its name').fill('Shop');
  await page.getByLabel('Title of the panel').fill('Events');
  await clickTwice('Save', 'putDashboard');
  await headed('Shop');
  await page.getByRole('link', { name: 'All dashboards' }).click();
  const names = page.getByRole('table').getByRole('link');
  await names.first().waitFor(PATIENCE);
  t.deepEqual(await names.allTextContents(), ['Shop']);
});
