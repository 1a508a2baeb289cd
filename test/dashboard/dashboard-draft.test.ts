import test from 'ava';
import type { Panel } from '../../src/dashboard/dashboard-answers.ts';
import { moved } from '../../src/dashboard/dashboard-draft.ts';
import { keyInFragment } from '../../src/dashboard/shared-link.ts';

const panel = (id: string): Panel => ({
  ...{ id, title: id, show: 'CHART' },
  question: { stream: 'events', measures: [{ op: 'count' }] },
});

test('a panel changes its place with its neighbour, and at an end with nobody', (t) => {
  const [a, b, c] = [panel('a'), panel('b'), panel('c')];
  const orderOf = (panels: readonly Panel[]) => panels.map(({ id }) => id).join('');
  t.is(orderOf(moved([a, b, c], b, -1)), 'bac');
  t.is(orderOf(moved([a, b, c], b, 1)), 'acb');
  t.is(orderOf(moved([a, b, c], a, -1)), 'abc');
  t.is(orderOf(moved([a, b, c], c, 1)), 'abc');
});

test('a fragment is a key of a link, or nothing', (t) => {
  t.is(keyInFragment('#sgd_ab-_9'), 'sgd_ab-_9');
  for (const other of ['', '#', '#sgd_', '#sg_abc', '#sgd_a b', 'sgd_abc']) {
    t.is(keyInFragment(other), undefined, other);
  }
});
