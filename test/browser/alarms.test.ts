/** The page of alarms: a rule is made, real events cross it, and what one does about it. */
import { createServer } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import type { Page } from 'playwright-core';
import { visit } from './chromium.ts';
import { askUntil, DESKTOP, lookAt } from './look.ts';
import { keyOf, send, site } from './site.ts';

const READER = `sg_${'r'.repeat(43)}`;
const EVERY_SECOND = { window: '5m', every: '1s', lateness: '0s' };
/** However long a loaded machine takes. */
const PATIENCE = { timeout: 90_000 };

/** A receiver that takes everything; answers its configuration. */
async function receiver(t: ExecutionContext): Promise<object> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.end('ok'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('expected a port');
  const url = `http://127.0.0.1:${address.port}/`;
  return { name: 'hook', webhook: { url, allowNetworks: ['127.0.0.0/8'] } };
}

const errors = (count: number): object[] =>
  Array.from({ length: count }, () => ({ type: 'error', service: 'api' }));

const section = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

test('a rule is made in the page, events cross it, it fires, is acknowledged and silenced', async (t) => {
  const { server, url } = await site(t, {
    alarms: {
      receivers: [await receiver(t)],
      routes: [{ receiver: 'hook', groupWait: '0s' }],
    },
  });
  await send(server, [{ type: 'view' }]);
  const { page, origins, troubles } = await visit(t, `${url}/`, DESKTOP);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  const now = section(page, 'Now');
  await now.getByText('Nothing fires, and nothing is pending.').waitFor();

  await page.getByRole('button', { name: 'New rule' }).click();
  await page.getByLabel('Name').fill('too_many_errors');
  await page.getByLabel('Events with').fill('type=error');
  await page.getByLabel('One alarm for each').fill('service');
  await page.getByLabel('Above').fill('');
  await page.getByLabel('Above').pressSequentially('1.05');
  t.is(await page.getByLabel('Above').inputValue(), '1.05');
  await page.getByLabel('Above').fill('2');
  await page.getByLabel('Severity').selectOption('critical');
  await page.getByText('As JSON, with what the form leaves out').click();
  const json = page.getByLabel('The rule as JSON');
  const rule = JSON.parse(await json.inputValue());
  t.like(rule, { above: 2, groupBy: ['service'], filter: [{ field: 'type', in: ['error'] }] });
  await json.fill(JSON.stringify({ ...rule, ...EVERY_SECOND, window: '0s' }));
  await page.getByRole('button', { name: 'Save rule' }).click();
  await page.getByText(/^window: /).waitFor();
  await json.fill(JSON.stringify({ ...rule, ...EVERY_SECOND }));
  await page.getByRole('button', { name: 'Save rule' }).click();
  const row = section(page, 'Table of rules').getByRole('row', { name: /^too_many_errors/ });
  await row.getByText('count above 2 in 5 min by service').waitFor();

  await send(server, errors(3));
  const alarm = now.getByRole('listitem').filter({ hasText: 'too_many_errors service=api' });
  await alarm.getByText('firing').waitFor(PATIENCE);
  await now.getByText('1 firing, 0 pending or without a value.').waitFor();
  await alarm.getByLabel('Comment on too_many_errors').fill('on it');
  await alarm.getByRole('button', { name: 'Acknowledge' }).click();
  await alarm.getByText(/^Acknowledged by .*: on it/).waitFor();

  await section(page, 'Receivers').getByText('hook', { exact: true }).first().waitFor();
  await section(page, 'Table of routes')
    .getByRole('row', { name: /^whatever hook/ })
    .waitFor();
  const deliveries = section(page, 'Deliveries');
  const delivery = deliveries.getByRole('listitem').filter({ hasText: 'too_many_errors firing' });
  const shows = async (text: string) => (await delivery.filter({ hasText: text }).count()) > 0;
  await askUntil(page, deliveries, () => shows('1 attempt, the last delivered (200)'));
  await delivery.getByRole('button', { name: 'Send again' }).click();
  await askUntil(page, deliveries, () => shows('2 attempts'));

  await alarm.getByRole('button', { name: 'Silence' }).click();
  const silences = section(page, 'Silences');
  const matchers = silences.getByLabel('Matchers, one a line');
  // The form is filled in a moment after it is asked for.
  while ((await matchers.inputValue()) === '') await page.waitForTimeout(20);
  t.deepEqual((await matchers.inputValue()).split('\n').sort(), [
    'alertname=too_many_errors',
    'service=api',
    'stream=events',
  ]);
  await silences.getByLabel('Why').fill('known');
  await silences.getByRole('button', { name: 'Add silence' }).click();
  await alarm.getByText('Silenced.').waitFor();
  await silences.getByRole('button', { name: 'End it' }).click();
  await silences.getByText('has ended').waitFor();
  await section(page, 'Changes of alarms')
    .getByRole('row', { name: /too_many_errors service=api .*firing, critical abnormal 3 2$/ })
    .waitFor();
  t.deepEqual([...origins], [url]);
  t.deepEqual(troubles, []);
});

test('a changed rule is tried on what is kept before it is saved; a new one does not replace it; a removed one is gone', async (t) => {
  const { server, url } = await site(t);
  const result = await server.query<{ readonly putRule: { readonly problems: readonly object[] } }>(
    `mutation ($rule: AlarmRuleInput!) { putRule(rule: $rule) { problems { path message } } }`,
    {
      rule: {
        name: 'errors',
        filter: [{ field: 'type', in: ['error'] }],
        ...EVERY_SECOND,
        above: 10,
      },
    },
  );
  t.deepEqual(result.putRule.problems, []);
  await send(server, errors(3));
  const { page } = await visit(t, `${url}/alarms?rule=errors`, DESKTOP);
  const trial = section(page, 'When it would have fired');
  const tried = async (outcome: RegExp) => (await trial.getByText(outcome).count()) > 0;
  // There is something to judge once the first windows have passed.
  await askUntil(page, trial, () => tried(/^it would not have fired in/));
  await page.getByLabel('Above').fill('2');
  await askUntil(page, trial, () => tried(/^it would have fired 1 time in/));
  await page.getByText('Would have fired', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'New rule' }).click();
  await page.getByLabel('Name', { exact: true }).fill('errors');
  await page.getByRole('button', { name: 'Save rule' }).click();
  await page.getByRole('alert').getByText('there is a rule "errors" already').waitFor(PATIENCE);
  await page.getByRole('button', { name: 'errors', exact: true }).click();
  await page.getByRole('button', { name: 'Remove rule' }).click();
  await page.getByRole('button', { name: 'Remove errors and end its alarms' }).click();
  await page.getByText('No rule is declared.').waitFor(PATIENCE);
  t.pass();
});

test('who may only read sees the alarms and changes nothing; a rule of the configuration is read', async (t) => {
  const rules = [{ name: 'errors', ...EVERY_SECOND, above: 1 }];
  const { url } = await site(t, {
    keys: [keyOf('reader', 'default', READER, ['read'])],
    alarms: { rules },
  });
  const { page } = await visit(t, `${url}/alarms?rule=errors`, DESKTOP);
  await page.getByLabel('Key with scope "read" or "admin"').fill(READER);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('It is declared in the configuration, and is changed there.').waitFor();
  await page.getByText('To change what is here takes a key with scope "admin".').waitFor();
  t.true(await page.getByLabel('Above').isDisabled());
  for (const name of ['New rule', 'Save rule', 'Add silence', 'Remove rule']) {
    t.is(await page.getByRole('button', { name }).count(), 0, name);
  }
});

test('axe finds nothing serious in alarms, and nothing is wider than the window', async (t) => {
  const rules = [
    { name: 'errors', filter: [{ field: 'type', in: ['error'] }], ...EVERY_SECOND, above: 2 },
    { name: 'silent', window: '1h', noData: true, severity: 'info' },
    { name: 'slow', measure: 'quantile(duration_ms, 0.99)', window: '5m', above: 900 },
  ];
  const { server, url } = await site(t, {
    alarms: { rules, receivers: [await receiver(t)] },
  });
  await send(server, errors(3));
  await server.query(
    `mutation { addSilence(silence: { matchers: ["alertname=errors", "service=~api|web"], lasts: "2h", comment: "known, being mended" }) { problems { message } } }`,
  );
  const { page } = await visit(t, `${url}/alarms?rule=errors`, DESKTOP);
  await section(page, 'Now').getByText('firing', { exact: true }).waitFor(PATIENCE);
  await page.getByText('Would have fired', { exact: true }).waitFor();
  await lookAt(t, page, 'alarms');
});
