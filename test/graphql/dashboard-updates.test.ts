/** Saved dashboards as subscribers see them change. */
import test from 'ava';
import { dashboardsScene, socketWith } from './dashboards-scene.ts';

const PANELS = [{ id: 'p', title: 'P', show: 'CHART', question: {} }];

test('who follows a dashboard is told of each change of it and of its links, and that it is dropped', async (t) => {
  const { url, ask, put, share } = await dashboardsScene(t);
  const id = (await put({ name: 'Sales', panels: PANELS })).dashboard?.id ?? '';
  const query = `subscription { dashboard(id: "${id}") { name panels { title } shares { name } } }`;
  const updates = socketWith(t, url, 'sg_admin').iterate({ query });
  const next = async () => (await updates.next()).value?.data?.['dashboard'];
  t.deepEqual(await next(), { name: 'Sales', panels: [{ title: 'P' }], shares: [] });
  await put({ name: 'Another', panels: PANELS });
  await put({ id, name: 'Orders', panels: PANELS });
  t.deepEqual(await next(), { name: 'Orders', panels: [{ title: 'P' }], shares: [] });
  await share(id);
  t.deepEqual((await next())?.shares, [{ name: 'Ann' }]);
  await ask(`mutation { dropDashboard(id: "${id}") { done } }`);
  t.is(await next(), null);
  t.true((await updates.next()).done);
});

test('who may only read is told of changes, and not of links', async (t) => {
  const { url, put, share } = await dashboardsScene(t);
  const id = (await put({ name: 'Sales', panels: [] })).dashboard?.id ?? '';
  const query = `subscription { dashboard(id: "${id}") { version shares { name } } }`;
  const updates = socketWith(t, url, 'sg_reader').iterate({ query });
  const next = async () => (await updates.next()).value?.data?.['dashboard'];
  t.deepEqual(await next(), { version: 1, shares: null });
  await share(id);
  await put({ id, name: 'Sales', panels: [] });
  t.deepEqual(await next(), { version: 2, shares: null });
});

test('a dashboard of another tenant is none', async (t) => {
  const { url, put } = await dashboardsScene(t);
  const id = (await put({ name: 'Sales', panels: [] })).dashboard?.id ?? '';
  const query = `subscription { dashboard(id: "${id}") { name } }`;
  const updates = socketWith(t, url, 'sg_other').iterate({ query });
  t.deepEqual((await updates.next()).value?.data, { dashboard: null });
  t.true((await updates.next()).done);
});

test('a link follows its dashboard, whatever that comes to be', async (t) => {
  const { url, put, share } = await dashboardsScene(t);
  const id = (await put({ name: 'Sales', panels: PANELS })).dashboard?.id ?? '';
  const { secret } = await share(id);
  const query = 'subscription { sharedDashboard { name panels { id } shares { id } } }';
  const updates = socketWith(t, url, secret).iterate({ query });
  const next = async () => (await updates.next()).value?.data?.['sharedDashboard'];
  t.deepEqual(await next(), { name: 'Sales', panels: [{ id: 'p' }], shares: null });
  await put({ id, name: 'Orders', panels: [] });
  t.deepEqual(await next(), { name: 'Orders', panels: [], shares: null });
});
