import test from 'ava';
import { compileWhere, type Where } from '../../src/query/where.ts';

const DIMENSIONS = ['type', 'country'];
const keeps = (where: Where | undefined, ...labels: (string | null)[]) =>
  compileWhere(where, DIMENSIONS)(labels);

test('each condition judges the value of its field', (t) => {
  t.true(keeps(undefined, 'a', null));
  t.true(keeps({ field: 'type', eq: 'a' }, 'a', 'DE'));
  t.false(keeps({ field: 'type', eq: 'a' }, 'b', 'DE'));
  t.true(keeps({ field: 'country', in: ['AT', 'DE'] }, 'a', 'DE'));
  t.false(keeps({ field: 'country', in: [] }, 'a', 'DE'));
  t.true(keeps({ field: 'type', prefix: 'page_' }, 'page_view', null));
  t.false(keeps({ field: 'type', prefix: 'page_' }, 'a_page_view', null));
});

test('an absent field equals nothing', (t) => {
  t.false(keeps({ field: 'country', eq: '' }, 'a', null));
  t.true(keeps({ field: 'country', ne: 'DE' }, 'a', null));
  t.false(keeps({ field: 'country', prefix: '' }, 'a', null));
  t.true(keeps({ field: 'country', exists: false }, 'a', null));
  t.false(keeps({ field: 'country', exists: true }, 'a', null));
  t.true(keeps({ field: 'country', exists: true }, 'a', ''));
});

test('parts of one condition must all hold, those of "or" not', (t) => {
  const both: Where = { field: 'type', prefix: 'a', ne: 'ab' };
  t.true(keeps(both, 'aa', null));
  t.false(keeps(both, 'ab', null));
  const either: Where = {
    or: [
      { field: 'type', eq: 'a' },
      { field: 'country', eq: 'DE' },
    ],
  };
  t.true(keeps(either, 'b', 'DE'));
  t.false(keeps(either, 'b', 'AT'));
  t.false(keeps({ or: [] }, 'a', null));
  t.true(keeps({ and: [] }, 'a', null));
  t.false(keeps({ not: either }, 'a', 'AT'));
  t.false(keeps({ field: 'type', eq: 'b', or: [{ field: 'country', eq: 'DE' }] }, 'a', 'DE'));
});
