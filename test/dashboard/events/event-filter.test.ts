import test from 'ava';
import { parametersOf, readFilter } from '../../../src/dashboard/events/event-filter.ts';
import { pathOf } from '../../../src/dashboard/kit/address.ts';
import { conditionOf } from '../../../src/dashboard/question/condition.ts';

const read = (query: string) => readFilter(new URLSearchParams(query));

test('a filter is in the address, and read from it', (t) => {
  const filter = {
    stream: 'shop',
    fromMs: 1_000,
    toMs: 2_000,
    conditions: [conditionOf('user', 'eq', '7'), conditionOf('amount', 'gte', '100')],
    contains: 'a&b',
  };
  const address = new URL(pathOf('/events', parametersOf(filter)), 'http://page.invalid');
  t.is(
    address.searchParams.get('where'),
    '{"and":[{"field":"user","eq":"7"},{"field":"amount","gte":100}]}',
  );
  t.deepEqual(readFilter(address.searchParams), { ok: true, filter });
});

test('an address without parameters is every event of the default stream, and is written so', (t) => {
  const filter = {
    stream: 'events',
    fromMs: undefined,
    toMs: undefined,
    conditions: [],
    contains: '',
  };
  t.deepEqual(read(''), { ok: true, filter });
  t.is(pathOf('/events', parametersOf(filter)), '/events');
});

test('a condition that has other parts than "and" is one', (t) => {
  const where = '{"field":"a","eq":1,"and":[{"field":"b","eq":2}]}';
  t.like(read(`where=${where}`), { ok: true, filter: { conditions: [JSON.parse(where)] } });
});

test('a range that is empty is told of by the server, beside the fields that change it', (t) => {
  t.like(read('from=2&to=2'), { ok: true, filter: { fromMs: 2, toMs: 2 } });
});

test('an address that says nothing that can be asked is told what was expected', (t) => {
  for (const [query, expected] of [
    ['from=yesterday', /from=yesterday, expected a time as epoch milliseconds/],
    ['to=1e3', /to=1e3/],
    ['where={', /expected a condition as JSON/],
    ['where=[]', /expected a condition as JSON/],
    ['where={"and":[1]}', /expected a condition as JSON/],
  ] as const) {
    const answer = read(query);
    t.false(answer.ok, query);
    if (!answer.ok) t.regex(answer.problem, expected);
  }
});
