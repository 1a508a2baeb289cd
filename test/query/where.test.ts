import test from 'ava';
import fc from 'fast-check';
import { OVERFLOW_LABEL } from '../../src/aggregate/series-index.ts';
import { compileWhere, fieldsOf, type Where } from '../../src/query/where.ts';

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

test('a number is compared with labels that are numbers, by their value', (t) => {
  const type = { field: 'type' };
  t.true(keeps({ ...type, gte: 500 }, '500', null));
  t.true(keeps({ ...type, gt: 9 }, '10', null));
  t.false(keeps({ ...type, gt: 500 }, '500', null));
  t.true(keeps({ ...type, lt: 0 }, '-1.5', null));
  t.true(keeps({ ...type, gte: 1e21, lte: 1e21 }, '1e+21', null));
  t.true(keeps({ ...type, gte: 400, lt: 500 }, '404', null));
  t.false(keeps({ ...type, gte: 400, lt: 500 }, '500', null));
  for (const label of ['x', '', ' 5', '5 ', '007', '0x10', '1,5', 'Infinity', 'true', null]) {
    t.false(keeps({ ...type, gte: -1e308 }, label, null), `${label}`);
    t.false(keeps({ ...type, lt: 1e308 }, label, null), `${label}`);
    t.true(keeps({ not: { ...type, lt: 1e308 } }, label, null), `${label}`);
  }
});

test('a text is compared with all labels as texts, by code points', (t) => {
  const country = { field: 'country' };
  t.true(keeps({ ...country, gte: 'DE' }, 'a', 'DE'));
  t.true(keeps({ ...country, gt: 'D', lt: 'E' }, 'a', 'DE'));
  t.false(keeps({ ...country, gt: '9' }, 'a', '10'));
  t.true(keeps({ ...country, gt: '\uffff' }, 'a', '🙂'));
  t.false(keeps({ ...country, lte: '' }, 'a', null));
});

test('what had no room of its own is in no range', (t) => {
  const type = { field: 'type' };
  t.false(keeps({ ...type, gte: '' }, OVERFLOW_LABEL, null));
  t.false(keeps({ ...type, gte: 'A', lt: 'z' }, OVERFLOW_LABEL, null));
  t.true(keeps({ not: { ...type, gte: '' } }, OVERFLOW_LABEL, null));
  t.true(keeps({ ...type, eq: OVERFLOW_LABEL }, OVERFLOW_LABEL, null));
});

test('each part that judges a value counts, and one that has none is a part, too', (t) => {
  const ranges = (parts: number): Where => ({
    or: Array.from({ length: parts }, () => ({ field: 'type', gt: 1, gte: 1, lt: 9, lte: 9 })),
  });
  t.deepEqual([...fieldsOf(ranges(63))], ['type']);
  t.throws(() => fieldsOf(ranges(64)), { message: /256 parts and values in all/ });
});

test('every number as a label is in exactly the ranges that it is in as a number', (t) => {
  const number = fc.oneof(
    fc.integer({ min: -20, max: 20 }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
  );
  fc.assert(
    fc.property(number, number, (value, bound) => {
      const label = String(value);
      t.is(keeps({ field: 'type', gt: bound }, label, null), value > bound);
      t.is(keeps({ field: 'type', gte: bound }, label, null), value >= bound);
      t.is(keeps({ field: 'type', lt: bound }, label, null), value < bound);
      t.is(keeps({ field: 'type', lte: bound }, label, null), value <= bound);
    }),
  );
});
