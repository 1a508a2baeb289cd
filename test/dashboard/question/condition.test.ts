import test from 'ava';
import {
  conditionOf,
  conditionsIn,
  conditionText,
  whereOf,
} from '../../../src/dashboard/question/condition.ts';

test('conditions come back from their text as they were', (t) => {
  for (const conditions of [
    [conditionOf('user', 'eq', '7')],
    [conditionOf('type', 'in', 'a, b'), conditionOf('amount', 'gte', '100')],
    [{ or: [{ field: 'a', eq: 1 }] }],
  ]) {
    t.deepEqual(conditionsIn(JSON.stringify(whereOf(conditions))), conditions);
  }
  t.is(whereOf([]), undefined);
});

test('a text that holds no condition is none', (t) => {
  for (const text of ['', '{', '7', '[]', '{"and":[1]}']) t.is(conditionsIn(text), undefined, text);
});

test('what is greater or less than digits is compared with a number, with other texts as text', (t) => {
  t.deepEqual(conditionOf('amount', 'lt', '9.5'), { field: 'amount', lt: 9.5 });
  t.deepEqual(conditionOf('name', 'gt', 'm'), { field: 'name', gt: 'm' });
  t.deepEqual(conditionOf('amount', 'eq', '7'), { field: 'amount', eq: '7' });
  t.deepEqual(conditionOf('coupon', 'absent', ''), { field: 'coupon', exists: false });
});

test('conditions are told as people write them, those of other kinds as JSON', (t) => {
  t.is(conditionText(conditionOf('user', 'ne', 'u1')), 'user ≠ u1');
  t.is(conditionText(conditionOf('amount', 'lt', '9.5')), 'amount < 9.5');
  t.is(conditionText(conditionOf('coupon', 'absent', '')), 'coupon is absent');
  t.is(conditionText({ field: 'type', in: ['a', 'b'] }), 'type in a, b');
  for (const condition of [
    { or: [] },
    { field: 'a', gt: 1, lt: 3 },
    { field: 'a', eq: 1, exists: true },
    { not: { field: 'a', eq: '1' } },
    {},
  ]) {
    t.is(conditionText(condition), JSON.stringify(condition));
  }
});
