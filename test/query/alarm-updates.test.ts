import test from 'ava';
import type { AlarmPage, HistoryEntry } from '../../src/model/alarm-board.ts';
import { AlarmUpdates } from '../../src/query/alarm-updates.ts';
import {
  ALARM_CHANGES_WAITING_MAX,
  ALARM_SUBSCRIBERS_PER_TENANT_MAX,
} from '../../src/query/limits.ts';

const EMPTY: AlarmPage = { alarms: [], total: 0, hasMore: false };

function change(rule: string, sequence: number): HistoryEntry {
  return {
    id: String(sequence),
    alarm: 'a',
    recordedMs: sequence,
    labels: {},
    transition: {
      tenant: 'acme',
      rule,
      group: [],
      from: 'ok',
      to: 'firing',
      reason: 'abnormal',
      atMs: sequence,
      value: 1,
      threshold: 0,
      severity: 'warning',
    },
  };
}

/** Where changes are told by the test, and snapshots come when it lets them. */
function board() {
  const listeners = new Set<(changes: readonly HistoryEntry[]) => void>();
  let alarms = async () => EMPTY;
  return {
    alarms: () => alarms(),
    answerWith(answer: () => Promise<AlarmPage>) {
      alarms = answer;
    },
    onChanges(_tenant: string, listener: (changes: readonly HistoryEntry[]) => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell(...changes: HistoryEntry[]) {
      for (const listener of listeners) listener(changes);
    },
    listeners,
  };
}

test('what changes while the snapshot is made comes behind it', async (t) => {
  const source = board();
  const updates = new AlarmUpdates(source).subscribe({ tenant: 'acme' });
  const page = Promise.withResolvers<AlarmPage>();
  source.answerWith(() => page.promise);
  const first = updates.next();
  source.tell(change('r', 1));
  page.resolve(EMPTY);
  t.deepEqual((await first).value, { kind: 'snapshot', page: EMPTY });
  t.deepEqual((await updates.next()).value, { kind: 'changes', changes: [change('r', 1)] });
});

test('changes of other rules are left out', async (t) => {
  const source = board();
  const updates = new AlarmUpdates(source).subscribe({ tenant: 'acme', rule: 'r' });
  await updates.next();
  const next = updates.next();
  source.tell(change('other', 1));
  source.tell(change('other', 2), change('r', 3));
  t.deepEqual((await next).value, { kind: 'changes', changes: [change('r', 3)] });
});

test('one who does not read gets a gap with the number of changes, and a fresh snapshot', async (t) => {
  const source = board();
  const updates = new AlarmUpdates(source).subscribe({ tenant: 'acme' });
  await updates.next();
  for (let i = 0; i < ALARM_CHANGES_WAITING_MAX + 5; i++) source.tell(change('r', i));
  t.deepEqual((await updates.next()).value, {
    kind: 'gap',
    droppedChanges: ALARM_CHANGES_WAITING_MAX + 5,
  });
  t.is((await updates.next()).value?.kind, 'snapshot');
  source.tell(change('r', 1));
  t.is((await updates.next()).value?.kind, 'changes');
});

test('a subscription that ends while it waits listens no more', async (t) => {
  const source = board();
  const all = new AlarmUpdates(source);
  const updates = all.subscribe({ tenant: 'acme' });
  await updates.next();
  const waiting = updates.next();
  await updates.return?.();
  t.true((await waiting).done);
  t.is(source.listeners.size, 0);
  t.is(all.subscribers, 0);
});

test('a snapshot that fails ends the subscription with the reason', async (t) => {
  const source = board();
  source.answerWith(async () => {
    throw new Error('no board');
  });
  const all = new AlarmUpdates(source);
  await t.throwsAsync(all.subscribe({ tenant: 'acme' }).next(), { message: 'no board' });
  t.is(all.subscribers, 0);
});

test('subscriptions of one tenant are bounded, and closing ends all', async (t) => {
  const all = new AlarmUpdates(board());
  const open = Array.from({ length: ALARM_SUBSCRIBERS_PER_TENANT_MAX }, () =>
    all.subscribe({ tenant: 'acme' }),
  );
  t.throws(() => all.subscribe({ tenant: 'acme' }), { code: 'query_overload' });
  t.notThrows(() => all.subscribe({ tenant: 'umbrella' }));
  all.close();
  t.true((await open[0]?.next())?.done);
  t.is(all.subscribers, 0);
});
