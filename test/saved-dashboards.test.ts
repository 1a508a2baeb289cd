/** Dashboards and links as they are kept: their bounds, and what is on disk. */
import test from 'ava';
import { hashSecret } from '../src/model/access.ts';
import type { Checked } from '../src/model/alarm-board.ts';
import { AppError } from '../src/model/errors.ts';
import type { DashboardInput, PanelInput } from '../src/query/dashboard-port.ts';
import { SavedDashboards } from '../src/saved-dashboards.ts';
import {
  dashboardOp,
  loadDashboards,
  loadShares,
  shareOp,
} from '../storage/state/dashboard-rows.ts';
import type { StateOp } from '../storage/state/state.ts';
import { MemoryStore } from './simulation/memory-store.ts';

const WEB = { id: 'web', name: 'Web', panels: [] };
const PANEL: PanelInput = { title: 'Events', show: 'CHART', question: { last: '1h' } };

/** Whose commits wait until they are let go, or fail. */
class TestStore extends MemoryStore {
  waiting: (() => void)[] | undefined;
  fault: AppError | undefined;

  override async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
    const { waiting } = this;
    if (waiting !== undefined) await new Promise<void>((resolve) => waiting.push(resolve));
    await super.commit(ops, durability);
  }
}

async function scene(store = new TestStore()) {
  let nowMs = 1_000;
  const saved = new SavedDashboards({ store, builtIn: [WEB], clock: { now: () => nowMs++ } });
  await saved.start();
  return { saved, store };
}

const input = (parts: Partial<DashboardInput> = {}): DashboardInput => ({
  name: 'Sales',
  panels: [PANEL],
  ...parts,
});

function done<T>(checked: Checked<T>): T {
  if (!checked.ok) throw new Error(JSON.stringify(checked.error));
  return checked.value;
}

/** The path and the message of the first. */
function refusalOf(checked: Checked<unknown>): string {
  const [problem] = checked.ok ? [] : checked.error;
  return `${problem?.path}: ${problem?.message}`;
}

test('a dashboard and its links are there after a restart, and gone when it is dropped', async (t) => {
  const { saved, store } = await scene();
  const put = done(await saved.put('a', input()));
  t.like(put, { name: 'Sales', version: 1, updatedAtMs: 1_000, isBuiltIn: false });
  const { share, secret } = done(await saved.share('a', put.id, 'Ann'));
  t.regex(secret, /^sgd_[\w-]{43}$/);
  const changed = done(await saved.put('a', { ...put, name: 'Orders' }));
  t.deepEqual(changed.panels, put.panels, 'a panel keeps its id');
  t.is(changed.version, 2);

  const { saved: after } = await scene(store);
  t.deepEqual(after.find('a', put.id), changed);
  t.deepEqual(after.shares('a', put.id), [share]);
  t.deepEqual(after.shared(hashSecret(secret)), { tenant: 'a', dashboard: changed });
  t.false(JSON.stringify([...store.dump().values()]).includes(Buffer.from(secret).toString('hex')));

  t.true(done(await after.drop('a', put.id)));
  t.false(done(await after.drop('a', put.id)));
  t.false(after.mayOpen(hashSecret(secret)));
  t.deepEqual([await loadDashboards(store), await loadShares(store)], [[], []]);
});

test('tenants see their own alone, and what comes with the server', async (t) => {
  const { saved } = await scene();
  const b = done(await saved.put('a', input({ name: 'b' })));
  const a = done(await saved.put('a', input({ name: 'a' })));
  const ids = (tenant: string) => saved.list(tenant).map(({ id }) => id);
  t.deepEqual(ids('a'), ['web', a.id, b.id]);
  t.deepEqual(ids('other'), ['web']);
  t.is(saved.find('other', a.id), undefined);
  t.regex(refusalOf(await saved.put('other', { ...a, name: 'mine' })), /^id: you have no/);
  t.false(done(await saved.drop('other', a.id)));
  t.regex(refusalOf(await saved.share('other', a.id, 'x')), /^id: you have no dashboard/);
  const { share } = done(await saved.share('a', a.id, 'x'));
  t.deepEqual(saved.shares('other', a.id), []);
  t.false(await saved.endShare('other', share.id));
  t.true(await saved.endShare('a', share.id));
});

test('what comes with the server can be shared, and neither put nor dropped', async (t) => {
  const { saved } = await scene();
  t.like(saved.find('a', 'web'), { version: 0, updatedAtMs: null, isBuiltIn: true });
  t.regex(refusalOf(await saved.put('a', input({ id: 'web' }))), /^id: "web" comes with/);
  t.regex(refusalOf(await saved.drop('a', 'web')), /^id: "web" comes with/);
  const { secret } = done(await saved.share('a', 'web', 'x'));
  t.like(saved.shared(hashSecret(secret)), { tenant: 'a', dashboard: { id: 'web' } });
});

test('a version that is not the stored one changes nothing', async (t) => {
  const { saved } = await scene();
  const { id } = done(await saved.put('a', input()));
  const [first, second] = await Promise.all([
    saved.put('a', input({ id, name: 'first', version: 1 })),
    saved.put('a', input({ id, name: 'second', version: 1 })),
  ]);
  t.true(first?.ok);
  t.regex(refusalOf(second as Checked<unknown>), /^version: somebody else.*version 2, received 1/);
  t.is(saved.find('a', id)?.name, 'first');
  t.is(done(await saved.put('a', input({ id, name: 'third' }))).version, 3);
  t.regex(refusalOf(await saved.put('a', input({ version: 1 }))), /^version: a new dashboard/);
});

const long = 'x'.repeat(121);
const refusals: readonly [string, Partial<DashboardInput>, RegExp][] = [
  ['an empty name', { name: ' ' }, /^name: expected 1 to 120 characters, received nothing/],
  ['a name without a width', { name: '\u200b' }, /^name: .* received nothing that can be seen/],
  ['a long name', { name: long }, /^name: .* received 121/],
  ['a long title', { panels: [PANEL, { ...PANEL, title: long }] }, /^panels\[1\]\.title: /],
  ['31 panels', { panels: new Array(31).fill(PANEL) }, /^panels: expected at most 30 panels/],
  ['an id with a space', { panels: [{ ...PANEL, id: 'a b' }] }, /^panels\[0\]\.id: expected 1 to/],
  [
    'two panels of one id',
    { panels: [PANEL, PANEL].map((panel) => ({ ...panel, id: 'p' })) },
    /^panels\[1\]\.id: another panel has it/,
  ],
  [
    'more than 64 KiB',
    { panels: new Array(9).fill({ ...PANEL, question: { stream: 'x'.repeat(8_000) } }) },
    /^: expected at most 65536 bytes/,
  ],
];
for (const [what, parts, message] of refusals) {
  test(`${what} is refused in words`, async (t) => {
    const { saved, store } = await scene();
    t.regex(refusalOf(await saved.put('a', input(parts))), message);
    t.deepEqual(await loadDashboards(store), []);
  });
}

test('a tenant has at most 100 dashboards and 50 links, all tenants 1,000 of each', async (t) => {
  const store = new TestStore();
  const stored = (tenant: string, i: number) => ({
    ...{ tenant, id: `${tenant}-${i}`, name: 'n', panels: [] },
    ...{ version: 1, updatedAtMs: 1 },
  });
  const shareOf = (tenant: string, i: number) => ({
    ...{ tenant, id: `s-${i}`, dashboard: 'web', name: 'n' },
    ...{ createdAtMs: 1, hash: `${tenant}-${i}` },
  });
  const many = (count: number) => Array.from({ length: count }, (_, i) => i);
  await store.commit([
    ...many(99).map((i) => dashboardOp(stored('a', i))),
    ...many(49).map((i) => shareOp(shareOf('a', i))),
    ...many(900).map((i) => dashboardOp(stored('b', i))),
    ...many(950).map((i) => shareOp(shareOf('b', i))),
  ]);
  const { saved } = await scene(store);
  const last = done(await saved.put('a', input()));
  t.regex(refusalOf(await saved.put('a', input())), /^: a tenant may have at most 100 dashboards/);
  t.true((await saved.put('a', input({ id: last.id }))).ok, 'those that are there can be changed');
  t.regex(refusalOf(await saved.put('c', input())), /^: all tenants together.*1000 dashboards/);
  const { share } = done(await saved.share('a', last.id, 'x'));
  t.regex(refusalOf(await saved.share('a', last.id, 'x')), /^: a tenant may have at most 50 links/);
  t.regex(refusalOf(await saved.share('c', 'web', 'x')), /^: all tenants together.*1000 links/);
  t.true(await saved.endShare('a', share.id));
  t.regex(refusalOf(await saved.share('a', last.id, ' ')), /^name: expected 1 to 120/);
  t.true((await saved.share('a', last.id, 'x')).ok);
});

test('a change that waits for its turn is not stored once this server keeps them no more', async (t) => {
  const { saved, store } = await scene();
  const waiting: (() => void)[] = [];
  store.waiting = waiting;
  const first = saved.put('a', input({ name: 'first' }));
  const second = saved.put('a', input({ name: 'second' }));
  while (waiting.length === 0) await new Promise(setImmediate);
  saved.stop();
  for (const go of waiting) go();
  await first;
  await t.throwsAsync(second, { code: 'actor_stopped' });
  t.deepEqual(
    (await loadDashboards(store)).map(({ name }) => name),
    ['first'],
  );
  t.throws(() => saved.list('a'), { code: 'actor_stopped' });
  t.true(saved.mayOpen('whatever'), 'whoever keeps them now judges it');
});

test('after a commit that failed it has what the disk has', async (t) => {
  const { saved, store } = await scene();
  const { id } = done(await saved.put('a', input()));
  store.fault = new AppError('state_io', 'the disk is gone');
  await t.throwsAsync(saved.drop('a', id), { code: 'state_io' });
  store.fault = undefined;
  t.is(saved.find('a', id)?.name, 'Sales');
  t.true(done(await saved.drop('a', id)));
});

test('what is put again, because no answer was heard, is stored once', async (t) => {
  const { saved } = await scene();
  const id = 'made-by-chance';
  const first = done(await saved.put('a', input({ id, version: 0 })));
  t.deepEqual(done(await saved.put('a', input({ id, version: 0 }))), first);
  const changed = input({ id, version: 1, name: 'Orders' });
  const second = done(await saved.put('a', changed));
  t.is(second.version, 2);
  t.deepEqual(done(await saved.put('a', changed)), second);
  t.is(saved.list('a').length, 2);
  const other = await saved.put('a', input({ id, version: 1, name: 'Visits' }));
  t.regex(refusalOf(other), /^version: somebody else has changed it meanwhile: expected version 2/);
  const anew = await saved.put('a', input({ id, version: 0, name: 'Visits' }));
  t.regex(refusalOf(anew), /^version: .* expected version 2, received 0/);
});

test('a new dashboard takes no id that can be guessed, and none of another tenant', async (t) => {
  const { saved } = await scene();
  const id = 'made-by-chance';
  done(await saved.put('a', input({ id, version: 0 })));
  t.is(
    refusalOf(await saved.put('b', input({ id, version: 0 }))),
    'id: another dashboard has it: leave it out to get one',
  );
  t.is(saved.find('b', id), undefined);
  t.regex(
    refusalOf(await saved.put('b', input({ id: 'shop', version: 0 }))),
    /^id: expected 12 to/,
  );
  t.regex(
    refusalOf(await saved.put('b', input({ id: 'none-of-theirs', version: 1 }))),
    /^id: you have/,
  );
});

test('a link that is asked for again with its secret is the same one', async (t) => {
  const { saved } = await scene();
  const { id } = done(await saved.put('a', input()));
  const secret = `sgd_${'s'.repeat(43)}`;
  const made = done(await saved.share('a', id, 'Ann', secret));
  t.deepEqual(done(await saved.share('a', id, 'Ann', secret)), made);
  t.deepEqual(saved.shares('a', id), [made.share]);
  t.deepEqual(saved.shared(hashSecret(secret))?.dashboard.id, id);
  t.regex(refusalOf(await saved.share('a', id, 'Bob', secret)), /^secret: another link has it/);
  t.regex(
    refusalOf(await saved.share('a', id, 'Bob', 'sgd_short')),
    /^secret: expected "sgd_" and 32/,
  );
});
