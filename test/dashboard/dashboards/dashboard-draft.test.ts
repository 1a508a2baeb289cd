import test from 'ava';
import { moved } from '../../../src/dashboard/dashboards/dashboard-draft.ts';
import type { Panel } from '../../../src/dashboard/saved/dashboard-answers.ts';

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
