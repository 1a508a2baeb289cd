import test from 'ava';
import { keyInFragment } from '../../../src/dashboard/dashboards/shared-link.ts';

test('a fragment is a key of a link, or nothing', (t) => {
  t.is(keyInFragment('#sgd_ab-_9'), 'sgd_ab-_9');
  for (const behind of ['.', '/', '&utm_source=mail', '%20', ')']) {
    t.is(keyInFragment(`#sgd_ab-_9${behind}`), 'sgd_ab-_9', behind);
  }
  for (const other of ['', '#', '#sgd_', '#sg_abc', 'sgd_abc']) {
    t.is(keyInFragment(other), undefined, other);
  }
});
