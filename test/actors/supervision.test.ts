import test from 'ava';
import { RestartBudget, type RestartLimit } from '../../actors/supervision.ts';

const LIMIT: RestartLimit = { maxRestarts: 3, withinMs: 1_000, backoffMinMs: 10, backoffMaxMs: 35 };
const half = () => 0.999_999;

test('each further crash in the window waits twice as long, up to the maximum', (t) => {
  const budget = new RestartBudget(LIMIT, half);
  t.deepEqual(budget.crashed(0), { restart: 'soon', delayMs: 10 });
  t.deepEqual(budget.crashed(1), { restart: 'soon', delayMs: 20 });
  t.deepEqual(budget.crashed(2), { restart: 'soon', delayMs: 35 });
});

test('a crash past the limit within the window is the last', (t) => {
  const budget = new RestartBudget(LIMIT, half);
  for (const at of [0, 1, 2]) budget.crashed(at);
  t.deepEqual(budget.crashed(3), { restart: 'never' });
});

test('crashes that lie behind the window do not count', (t) => {
  const budget = new RestartBudget(LIMIT, half);
  for (let at = 0; at < 100_000; at += 400) t.is(budget.crashed(at).restart, 'soon');
});

test('with a retry time a failed actor is tried again slowly, as often as it takes', (t) => {
  const budget = new RestartBudget({ ...LIMIT, retryFailedMs: 500 }, half);
  for (const at of [0, 1, 2]) budget.crashed(at);
  t.deepEqual(budget.crashed(3), { restart: 'slowly', delayMs: 500 });
  t.deepEqual(budget.crashed(500), { restart: 'slowly', delayMs: 500 });
  t.is(budget.crashed(5_000).restart, 'soon');
});

test('the wait is spread between half and all of it', (t) => {
  const shortest = new RestartBudget({ ...LIMIT, backoffMinMs: 30 }, () => 0);
  t.deepEqual(shortest.crashed(0), { restart: 'soon', delayMs: 15 });
});
