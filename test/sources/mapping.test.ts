import test from 'ava';
import { Given } from '../../src/ingest/decode/given.ts';
import { RecordMapper } from '../../src/sources/mapping.ts';
import type { RecordMapping } from '../../src/sources/options.ts';
import { recordOf, type Written } from './records.ts';

const PLAIN: RecordMapping = {
  format: 'json',
  tenant: 'default',
  stream: 'events',
  type: undefined,
  key: { record: 'key' },
  id: undefined,
  time: undefined,
  fields: {},
};

const textOf = ({ bytes, length }: { bytes: Buffer; length: number }) =>
  bytes.toString('utf8', 0, length);

function mapped(mapping: Partial<RecordMapping>, written: Written) {
  const given = new Given(() => '');
  const mapper = new RecordMapper({ ...PLAIN, ...mapping }, 'dead', 100);
  const place = mapper.map(recordOf(written), 'topic', given);
  const { tenant, stream } = place;
  return {
    tenant,
    stream,
    ...('fault' in place && { fault: [place.fault.code, place.fault.detail] }),
    id: textOf(given.id),
    key: textOf(given.key),
    type: textOf(given.type),
    tsMs: given.tsMs,
  };
}

test("an event has the record's key and time, and no more, unless the mapping says so", (t) => {
  t.deepEqual(mapped({}, { key: 'k', value: '{}', timestamp: 1_234n }), {
    tenant: 'default',
    stream: 'events',
    id: '',
    key: 'k',
    type: '',
    tsMs: 1_234,
  });
  t.like(mapped({ key: 'none' }, { key: 'k' }), { key: '' });
});

test('id, key, type, time and stream come from headers; one that is not there gives nothing', (t) => {
  const mapping = {
    id: { header: 'i' },
    key: { header: 'k' },
    type: { header: 't' },
    time: { header: 'at' },
    stream: { header: 's' },
  };
  const headers = { i: '1', k: 'kk', t: 'sold', at: '2023-11-14T22:13:20Z', s: 'orders' };
  t.like(mapped(mapping, { headers }), {
    stream: 'orders',
    id: '1',
    key: 'kk',
    type: 'sold',
    tsMs: 1_700_000_000_000,
  });
  const at = { ...headers, at: '1700000000001' };
  t.is(mapped(mapping, { headers: at }).tsMs, 1_700_000_000_001);
  const none = mapped(mapping, { headers: { s: 'orders' }, timestamp: 5n });
  t.like(none, { id: '', key: '', type: '', tsMs: 5 });
});

test('a type and a stream may be the same for all, the stream may be the topic', (t) => {
  t.like(mapped({ type: 'order', stream: { record: 'topic' } }, {}), {
    type: 'order',
    stream: 'topic',
  });
});

test('a key that is no text is written in hex', (t) => {
  const key = Buffer.from([0xff, 0, 1]);
  t.like(mapped({ id: { record: 'key' } }, { key }), { key: 'ff0001', id: 'ff0001' });
});

test('a header may name a tenant of the list; any other is refused, and seen by one who is told', (t) => {
  const tenant = { header: 't', allow: ['a', 'b'], refusedTo: 'ops' };
  t.like(mapped({ tenant }, { headers: { t: 'b' } }), { tenant: 'b', stream: 'events' });
  const other = mapped({ tenant }, { headers: { t: 'c' } });
  t.like(other, { tenant: 'ops', stream: 'events' });
  t.deepEqual(other.fault, [
    'unmapped_record',
    'the header "t" names no tenant that may be named: "c"',
  ]);
  t.is(
    mapped({ tenant }, {}).fault?.[1],
    'the header "t" names no tenant that may be named: it is not there',
  );
});

test('what names no stream, is no time or is too long is refused', (t) => {
  const stream = mapped({ stream: { header: 's' } }, { headers: { s: 'a b' } });
  t.like(stream, { stream: 'dead' });
  t.regex(stream.fault?.[1] ?? '', /the header "s" names no stream: "a b"; a stream's name is/);
  t.deepEqual(mapped({ time: { header: 'at' } }, { headers: { at: 'noon' } }).fault, [
    'invalid_ts',
    'the header "at" is "noon"',
  ]);
  t.deepEqual(mapped({}, { key: 'k'.repeat(101) }).fault, [
    'value_too_long',
    'the key has 101 bytes, limits.valueBytesMax allows 100',
  ]);
});
