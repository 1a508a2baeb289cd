import test from 'ava';
import { Packr } from 'msgpackr';
import { type BodyForm, StreamDecoder } from '../../../src/ingest/decode/decoder.ts';
import type { FieldNames } from '../../../src/ingest/decode/event-draft.ts';
import { Given } from '../../../src/ingest/decode/given.ts';
import { DEFAULT_DECODE_LIMITS } from '../../../src/ingest/decode/limits.ts';
import { BODY_START, type DecodeOutcome } from '../../../src/ingest/decode/outcome.ts';
import { batchRows, type Row } from './rows.ts';

const TS_MS = 1_700_000_000_000;
const ID = 'id:1:role 2';
const TYPE = 'type:1:role 3';
const KEY = 'key:1';
const packr = new Packr({ useRecords: false });

interface Texts {
  readonly id?: string;
  readonly key?: string;
  readonly type?: string;
}

class Bodies {
  readonly given = new Given(() => 'the place');
  readonly decoder: StreamDecoder;

  constructor(renamed?: FieldNames) {
    const never = () => {
      throw new Error('this batch must not fill up');
    };
    this.decoder = new StreamDecoder(DEFAULT_DECODE_LIMITS, never, renamed);
  }

  add(form: BodyForm, body: string | Uint8Array, { id = 'p', key = '', type = '' }: Texts = {}) {
    const { given } = this;
    given.id.setText(id);
    given.idIsSet();
    given.key.setText(key);
    given.type.set(Buffer.from(type));
    return this.decoder.decode(form, Buffer.from(body as string), TS_MS, BODY_START, given);
  }

  rows(): Row[] {
    return batchRows(this.decoder.batch);
  }
}

const codes = ({ rejections }: DecodeOutcome) =>
  rejections.map(({ line, code }) => `${line} ${code}`);

function withoutPlace(row: Row) {
  row.delete('partition hash');
  return Object.fromEntries(row);
}

test('an event has the id of its body, those behind the first with the number of their line', (t) => {
  const bodies = new Bodies();
  const line = '{"type":"a","n":1}';
  bodies.add('json', line, { id: 'one' });
  bodies.add('json', line, { id: 'two' });
  bodies.add('ndjson', [...Array(38)].map(() => line).join('\n'), { id: 'q' });
  bodies.add('json', `[${line},{"type":"a","id":"own"},${line}]`, { id: 'r' });
  bodies.add('msgpack', Buffer.concat([packr.pack({ type: 'a' }), packr.pack({ type: 'b' })]));
  const ids = bodies.rows().map((row) => row.get(ID));
  t.deepEqual(ids.slice(0, 5), ['one', 'two', 'q', 'q.1', 'q.2']);
  t.deepEqual(ids.slice(36, 40), ['q.y', 'q.z', 'q.10', 'q.11']);
  t.deepEqual(ids.slice(40), ['r', 'own', 'r.2', 'p', 'p.1']);
});

test('what an event says itself comes before what is given, null says nothing', (t) => {
  const bodies = new Bodies();
  const given = { id: 'p', key: 'k', type: 'given' };
  const events = ['{"n":1}', '{"n":2,"type":"own","key":"x"}', '{"n":3,"type":null,"key":null}'];
  // Twice: by the fallback, then by the shapes that it has taught.
  for (const event of [...events, ...events]) bodies.add('json', event, given);
  const said = bodies.rows().map((row) => `${row.get('n:2')} ${row.get(TYPE)} ${row.get(KEY)}`);
  const once = ['1 given k', '2 own x', '3 given k'];
  t.deepEqual(said, [...once, ...once]);
});

test('without a type of its own or a given one an event is refused, also if others like it were not', (t) => {
  const bodies = new Bodies();
  for (let i = 0; i < 3; i++) t.is(bodies.add('json', '{"n":1}', { type: 'a' }).accepted, 1);
  t.deepEqual(codes(bodies.add('json', '{"n":1}')), ['0 missing_type']);
  t.is(bodies.rows().length, 3);
});

test('an event is placed by its key, the given key, its user, its id, the given id', (t) => {
  const hashesOf = (event: string, given: Texts) => {
    const bodies = new Bodies();
    for (let i = 0; i < 2; i++) bodies.add('json', event, { type: 'a', ...given });
    const [byFallback, byShape] = bodies.decoder.batch.partitionHash;
    t.is(byFallback, byShape, event);
    return byShape;
  };
  const hashOf = (key: string) => hashesOf(`{"key":"${key}"}`, {});
  t.is(hashesOf('{"user":"u","key":"own"}', { key: 'k' }), hashOf('own'));
  t.is(hashesOf('{"user":"u"}', { key: 'k' }), hashOf('k'));
  t.is(hashesOf('{"user":"u"}', {}), hashOf('u'));
  t.is(hashesOf('{"id":"i"}', { id: 'p' }), hashOf('i'));
  t.is(hashesOf('{}', { id: 'p' }), hashOf('p'));
});

test('fields are read by their other names, nested ones too, on both paths', (t) => {
  const renamed = new Map([
    ['event_id', 'id'],
    ['id', 'order'],
    ['kind', 'type'],
    ['made.at', 'ts'],
    ['customer.id', 'key'],
  ]);
  const bodies = new Bodies(renamed);
  const event = (id: number) => ({
    id,
    event_id: `e${id}`,
    kind: 'sold',
    made: { at: 1_000 + id },
    customer: { id: `c${id}`, name: 'n' },
  });
  for (let id = 1; id <= 3; id++) bodies.add('json', JSON.stringify(event(id)));
  bodies.add('msgpack', packr.pack(event(4)));
  t.deepEqual(
    bodies.rows().map((row) => withoutPlace(row)),
    [1, 2, 3, 4].map((id) => ({
      [ID]: `e${id}`,
      [TYPE]: 'sold',
      [KEY]: `c${id}`,
      'ts:2:role 1': 1_000 + id,
      'order:2': id,
      'customer.name:1': 'n',
    })),
  );
  t.deepEqual(codes(bodies.add('json', '{"kind":{"a":1}}')), ['0 invalid_type']);
});
