import test from 'ava';
import { type Asked, ParameterReader } from '../../src/ingest/parameters.ts';

/** A request with this query, which notes what it is asked for. */
function request(query: string | undefined, calls: (string | undefined)[] = []): Asked {
  const parameters = new URLSearchParams(query);
  return {
    getQuery(key) {
      calls.push(key);
      return key === undefined ? query : (parameters.get(key) ?? undefined);
    },
  };
}

test('a query that was seen before is not taken apart again', (t) => {
  const reader = new ParameterReader();
  const first = reader.read(request('stream=web&ack=applied'));
  t.deepEqual(first, { key: undefined, stream: 'web', ack: 'applied', sentAt: undefined });
  const calls: (string | undefined)[] = [];
  t.deepEqual(reader.read(request('stream=web&ack=applied', calls)), first);
  t.deepEqual(calls, [undefined]);
});

test('a query that holds a secret is not remembered', (t) => {
  const reader = new ParameterReader();
  t.is(reader.read(request('key=sg_secret&stream=web')).key, 'sg_secret');
  const calls: (string | undefined)[] = [];
  t.is(reader.read(request('key=sg_secret&stream=web', calls)).key, 'sg_secret');
  t.true(calls.includes('key'));
});

test('a query with a time is not remembered: the next one has another', (t) => {
  const reader = new ParameterReader();
  t.is(reader.read(request('stream=web&sentAt=17')).sentAt, '17');
  const calls: (string | undefined)[] = [];
  t.is(reader.read(request('stream=web&sentAt=17', calls)).sentAt, '17');
  t.true(calls.includes('sentAt'));
});

test('without a query nothing is said', (t) => {
  const nothing = { key: undefined, stream: undefined, ack: undefined, sentAt: undefined };
  t.deepEqual(new ParameterReader().read(request(undefined)), nothing);
  t.deepEqual(new ParameterReader().read(request('')), nothing);
});

test('however many queries come, each is answered by its own words', (t) => {
  const reader = new ParameterReader();
  for (let i = 0; i < 1_000; i++) {
    t.is(reader.read(request(`stream=s${i}`)).stream, `s${i}`);
    t.is(reader.read(request('stream=often')).stream, 'often');
  }
});
