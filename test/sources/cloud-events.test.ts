import test from 'ava';
import { cloudEventOf } from '../../src/sources/cloud-events.ts';
import { recordOf, type Written } from './records.ts';

const ATTRIBUTES = { specversion: '1.0', id: '1', source: '/shop', type: 'sold' };
const HEADERS = Object.fromEntries(
  Object.entries(ATTRIBUTES).map(([name, value]) => [`ce_${name}`, value]),
);

function eventOf(written: Written) {
  const record = recordOf(written);
  const event = cloudEventOf(record, record.value);
  if (!event.ok) return event.error.detail ?? event.error.code;
  return { id: event.value.id, body: JSON.parse(Buffer.from(event.value.body).toString()) };
}

test('an event is the same however it was sent', (t) => {
  const structured = eventOf({ value: JSON.stringify({ ...ATTRIBUTES, data: { n: 1 } }) });
  const binary = eventOf({ headers: HEADERS, value: '{"n": 1}' });
  t.deepEqual(binary, { id: '/shop 1', body: { ...ATTRIBUTES, data: { n: 1 } } });
  t.deepEqual(structured, binary);
});

test('binary data is JSON, text or bytes by its type, or not there', (t) => {
  const dataOf = (type: string | undefined, value: string | Buffer) => {
    const headers = type === undefined ? HEADERS : { ...HEADERS, 'content-type': type };
    const event = eventOf({ headers, value });
    return typeof event === 'string' ? event : event.body;
  };
  t.like(dataOf('application/json; charset=utf-8', '[1]'), { data: [1] });
  t.like(dataOf('application/vnd.shop+json', '"a"'), { data: 'a' });
  t.like(dataOf('text/plain', 'a"b'), { data: 'a"b', datacontenttype: 'text/plain' });
  t.like(dataOf('image/png', Buffer.from([1, 2])), { data_base64: 'AQI=' });
  t.false('data' in dataOf(undefined, ''));
});

test('data that goes on behind its end never becomes attributes', (t) => {
  for (const value of ['1,"id":"other"', '{}, "source":"x"', '1}', '{"a":1}}', '[1],2']) {
    t.is(eventOf({ headers: HEADERS, value }), 'the data is not one JSON value', value);
  }
});

test('what lacks an attribute, or is of another version, is refused', (t) => {
  const without = (name: string) =>
    eventOf({ value: JSON.stringify({ ...ATTRIBUTES, [name]: undefined }) });
  t.is(without('id'), 'expected an "id"');
  t.is(without('source'), 'expected a "source"');
  t.is(without('specversion'), 'expected "specversion" 1.0, received none');
  t.is(
    eventOf({ headers: { ...HEADERS, ce_specversion: '0.3' } }),
    'expected "specversion" 1.0, received "0.3"',
  );
  t.is(eventOf({ value: '[1]' }), 'expected one object');
  const avro = { 'content-type': 'application/cloudevents+avro' };
  t.regex(String(eventOf({ headers: avro, value: 'x' })), /^expected CloudEvents as JSON/);
});
