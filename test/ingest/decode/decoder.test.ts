import test from 'ava';
import { Packr } from 'msgpackr';
import type { ColumnBatch } from '../../../src/ingest/decode/column-batch.ts';
import { type BodyForm, StreamDecoder } from '../../../src/ingest/decode/decoder.ts';
import { DEFAULT_DECODE_LIMITS } from '../../../src/ingest/decode/limits.ts';
import {
  BODY_START,
  type BodyPlace,
  type DecodeOutcome,
} from '../../../src/ingest/decode/outcome.ts';
import { batchRows, type Row } from './rows.ts';

const ARRIVAL_MS = 1_700_000_000_000;
const unlimited = (): never => {
  throw new Error('this batch must not fill up');
};
const packr = new Packr({ useRecords: false });

interface Pieces extends Pick<DecodeOutcome, 'accepted' | 'rejected' | 'rejections'> {
  readonly pieces: readonly DecodeOutcome[];
}

interface Decoded extends Pieces {
  readonly rows: Row[];
}

/** Decodes the whole body; what became of it together, and of each piece. */
function decodePieces(decoder: StreamDecoder, form: BodyForm, body: Uint8Array): Pieces {
  const pieces: DecodeOutcome[] = [];
  for (let from: BodyPlace | undefined = BODY_START; from !== undefined; ) {
    const piece: DecodeOutcome = decoder.decode(form, body, ARRIVAL_MS, from);
    pieces.push(piece);
    from = piece.rest;
  }
  return {
    pieces,
    accepted: pieces.reduce((sum, piece) => sum + piece.accepted, 0),
    rejected: pieces.reduce((sum, piece) => sum + piece.rejected, 0),
    rejections: pieces.flatMap((piece) => piece.rejections),
  };
}

function decode(
  form: BodyForm,
  body: string | Uint8Array,
  limits = DEFAULT_DECODE_LIMITS,
): Decoded {
  const decoder = new StreamDecoder(limits, unlimited);
  const all = decodePieces(decoder, form, Buffer.from(body as string));
  return Object.assign(all, { rows: batchRows(decoder.batch) });
}

const refusals = ({ rejections }: Pieces): string[] =>
  rejections.map(({ line, code }) => `${line} ${code}`);

const summary = ({ accepted, rejected, rejections }: Pieces) => ({
  accepted,
  rejected,
  rejections,
});

test('lines are counted from 0, empty ones too, and end in LF, CR LF or nothing', (t) => {
  const body = '\ufeff{"type":"a"}\r\n\r\n\n{"type":"b"}\nbad\n{"type":"c"}';
  const outcome = decode('ndjson', body);
  t.is(outcome.accepted, 3);
  t.deepEqual(refusals(outcome), ['4 invalid_json']);
  t.deepEqual(
    outcome.rows.map((row) => row.get('type:1:role 3')),
    ['a', 'b', 'c'],
  );
  for (const nothing of ['', '\n', '\r\n\n', '\ufeff']) {
    t.like(decode('ndjson', nothing), { accepted: 0, rejected: 0 });
  }
});

test('an event without a time has the time of its arrival', (t) => {
  const { rows } = decode('ndjson', '{"type":"a"}\n{"type":"a","ts":null}\n{"type":"a","ts":1.9}');
  t.deepEqual(
    rows.map((row) => row.get('ts:2:role 1')),
    [ARRIVAL_MS, ARRIVAL_MS, 1],
  );
});

test('the partition follows key, else user, else id, and a number as user is its decimal text', (t) => {
  const { rows } = decode(
    'ndjson',
    [
      '{"type":"a","id":"42"}',
      '{"type":"a","id":"x","user":"42"}',
      '{"type":"a","id":"x","user":"y","key":"42"}',
      '{"type":"a","user":42,"id":"x"}',
      '{"type":"a","user":42.0,"id":"x"}',
      '{"type":"a","key":"","user":"","id":"42"}',
      '{"type":"a"}',
    ].join('\n'),
  );
  const hashes = rows.map((row) => row.get('partition hash'));
  t.is(new Set(hashes.slice(0, -1)).size, 1);
  t.is(hashes.at(-1), 0);
});

test('a field that changes its kind gets a second column', (t) => {
  const { rows } = decode(
    'ndjson',
    '{"type":"a","x":1}\n{"type":"a","x":"1"}\n{"type":"a","x":true}',
  );
  t.deepEqual(
    rows.map((row) => [row.get('x:2'), row.get('x:1'), row.get('x:3')]),
    [
      [1, undefined, undefined],
      [undefined, '1', undefined],
      [undefined, undefined, true],
    ],
  );
});

test('a JSON body is one event or an array whose elements are judged one by one', (t) => {
  t.is(decode('json', ' {"type":\n"a"} ').accepted, 1);
  const mixed = decode('json', '[{"type":"a"}, {"type":7} ,\n{"type":"b"},{"x":tru}, 5]');
  t.is(mixed.accepted, 2);
  t.deepEqual(refusals(mixed), ['1 invalid_type', '3 invalid_json', '4 not_an_object']);
  t.like(decode('json', ' [ ] '), { accepted: 0, rejected: 0 });
  t.like(decode('json', ''), { accepted: 0, rejected: 0 });
});

test('a JSON array that is broken as such is refused whole', (t) => {
  const bodies = [
    '[{"type":"a"}',
    '[{"type":"a"}]]',
    '[{"type":"a"}] x',
    '[{"type":"a]',
    '[',
    '[[]',
    '[{"type":"a"}]{}',
  ];
  for (const body of bodies) {
    const outcome = decode('json', body);
    t.is(outcome.accepted, 0, body);
    t.deepEqual(refusals(outcome), ['0 invalid_json'], body);
  }
  for (const body of ['{"type":"a"},{"type":"b"}', '{"type":"a"}\n{"type":"b"}', '{']) {
    t.deepEqual(refusals(decode('json', body)), ['0 invalid_json'], body);
  }
  t.deepEqual(refusals(decode('json', '[{"type":"a"},,{"type":"a"},]')), [
    '1 invalid_json',
    '3 invalid_json',
  ]);
});

test('MessagePack gives the columns that JSON gives', (t) => {
  const events = [
    { type: 'a', id: 'i', ts: 5, n: -1, m: 70_000, o: -70_000, p: 2 ** 40, q: -(2 ** 40), r: 0.5 },
    { type: 'b', user: 'ü'.repeat(40), key: 'k', yes: true, no: false, nothing: null },
    { type: 'c', nested: { deep: { er: 1 }, 'a.b': 2 }, list: [1, 'x', null, { a: [true] }] },
    { type: 'd', ts: '2024-01-01T00:00:00Z' },
  ];
  const { rows } = decode('ndjson', events.map((event) => JSON.stringify(event)).join('\n'));
  t.deepEqual(decode('msgpack', packr.pack(events)).rows, rows);
  const sequence = Buffer.concat(events.map((event) => Buffer.from(packr.pack(event))));
  t.deepEqual(decode('msgpack', sequence).rows, rows);
});

test('MessagePack timestamps are epoch milliseconds', (t) => {
  for (const ms of [1_700_000_000_000, 1_700_000_000_123, 2 ** 35 * 1000 + 7]) {
    const { rows } = decode('msgpack', packr.pack({ type: 'a', ts: new Date(ms) }));
    t.is(rows[0]?.get('ts:2:role 1'), ms);
  }
});

test('MessagePack that has no form in an event is refused with its neighbours untouched', (t) => {
  const good = { type: 'a' };
  const mixed = packr.pack([
    good,
    { type: 'a', bin: Buffer.from('x') },
    good,
    7,
    { type: '' },
    { x: 1 / 0, type: 'a' },
  ]);
  const outcome = decode('msgpack', mixed);
  t.is(outcome.accepted, 2);
  t.deepEqual(refusals(outcome), [
    '1 invalid_msgpack',
    '3 not_an_object',
    '4 invalid_type',
    '5 number_out_of_range',
  ]);
  const ints = new Map<unknown, unknown>([
    ['type', 'a'],
    [1, 2],
  ]);
  t.deepEqual(refusals(decode('msgpack', packr.pack(ints))), ['0 invalid_msgpack']);
  t.deepEqual(refusals(decode('msgpack', [0x81, 0xa1, 0xff, 1] as never)), ['0 invalid_msgpack']);
});

test('hostile MessagePack ends in one rejection, whatever it claims', (t) => {
  const bodies = [
    [0xc1],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdb, 0xff, 0xff, 0xff, 0xff, 0x61],
    [0xc6, 0xff, 0xff, 0xff, 0xff],
    [0xc9, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x81, 0xa4, 0x74, 0x79],
    [0xcf, 0x00],
    [0xd9],
  ];
  for (const body of bodies)
    t.deepEqual(refusals(decode('msgpack', Buffer.from(body))), ['0 invalid_msgpack']);
  for (const nested of [0x91, 0x81]) {
    t.is(decode('msgpack', Buffer.alloc(200_000, nested)).rejected, 1);
  }
  const deep = Buffer.concat([Buffer.alloc(20_000, 0x91), Buffer.from([0xc0])]);
  t.deepEqual(refusals(decode('msgpack', deep)), ['0 not_an_object']);
});

test('a cut or changed byte of MessagePack never throws', (t) => {
  const body = packr.pack([
    { type: 'a', n: 1.5, o: { s: 'text', l: [1, { a: 'b' }] } },
    { type: 'b', ts: new Date(5) },
  ]);
  for (let at = 0; at < body.length; at++) {
    t.notThrows(() => decode('msgpack', body.subarray(0, at)));
    for (let byte = 0; byte < 256; byte++) {
      const hurt = Buffer.from(body);
      hurt[at] = byte;
      t.notThrows(() => decode('msgpack', hurt));
    }
  }
});

test('depth 10,000 and 100,000 fields are refused and not felt', (t) => {
  const deep = `{"type":"a","x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`;
  const objects = `{"type":"a","x":${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}}`;
  const wide = `{"type":"a",${Array.from({ length: 100_000 }, (_, i) => `"f${i}":1`).join(',')}}`;
  const limits = { ...DEFAULT_DECODE_LIMITS, lineBytesMax: 1 << 21, batchBytesMax: 1 << 22 };
  const outcome = decode('ndjson', [deep, objects, wide, '{"type":"ok"}'].join('\n'), limits);
  t.deepEqual(refusals(outcome), ['0 too_deep', '1 too_deep', '2 too_many_fields']);
  t.is(outcome.accepted, 1);
});

test('rejections are counted exactly and kept up to their bound, with the start of the line', (t) => {
  const outcome = decode('ndjson', `${'x'.repeat(5000)}\n`.repeat(250));
  t.is(outcome.rejected, 250);
  t.is(outcome.rejections.length, 100);
  t.is(outcome.rejections[0]?.raw.length, 4096);
});

test('a body in pieces becomes what it becomes at once, and no piece has more than its lines', (t) => {
  const events = Array.from({ length: 40 }, (_, i) =>
    i % 7 === 3 ? '{"n":1}' : i % 7 === 5 ? ' ' : `{"type":"a","n":${i},"s":"ä${i}"}`,
  );
  const packed = events.map((event) => packr.pack(event === ' ' ? null : JSON.parse(event)));
  const bodies = [
    ['ndjson', Buffer.from(`\ufeff${events.join('\r\n')}\n\n`)],
    ['ndjson', Buffer.from(events.join('\n'))],
    ['json', Buffer.from(`\ufeff [ ${events.join(' , ')}, ] `)],
    ['json', Buffer.from('[]')],
    ['msgpack', Buffer.concat([...packed, packr.pack(packed.map(() => [])), ...packed])],
    ['msgpack', packr.pack(events.map((event, i) => (event === ' ' ? i : JSON.parse(event))))],
    ['msgpack', Buffer.concat([Buffer.from([0xdc, 0xff, 0xff]), ...packed])],
  ] as const;
  for (const [form, body] of bodies) {
    const whole = decode(form, body);
    for (const pieces of [
      { pieceLinesMax: 1 },
      { pieceLinesMax: 3 },
      { pieceBytesMax: 50 },
      { pieceRejectionsMax: 2 },
    ]) {
      const limits = { ...DEFAULT_DECODE_LIMITS, ...pieces };
      const decoder = new StreamDecoder(limits, unlimited);
      const found = decodePieces(decoder, form, body);
      for (const { accepted, rejected } of found.pieces) {
        t.true(accepted + rejected <= limits.pieceLinesMax);
        t.true(rejected <= limits.pieceRejectionsMax);
      }
      t.deepEqual(summary(found), summary(whole));
      t.deepEqual(batchRows(decoder.batch), whole.rows);
    }
  }
});

test('rejections are kept up to the bound of the whole body, not of each piece', (t) => {
  const decoder = new StreamDecoder(DEFAULT_DECODE_LIMITS, unlimited);
  const { pieces, rejected, rejections } = decodePieces(
    decoder,
    'ndjson',
    Buffer.from('x\n'.repeat(5_000)),
  );
  t.true(pieces.length > 1);
  t.is(rejected, 5_000);
  t.is(rejections.length, DEFAULT_DECODE_LIMITS.rejectionsKeptMax);
});

test('a body larger than a batch fills several, each within the bounds', (t) => {
  const limits = { ...DEFAULT_DECODE_LIMITS, batchRowsMax: 100 };
  const rows: Row[] = [];
  let batches = 0;
  const take = (batch: ColumnBatch): void => {
    t.true(batch.rows <= 100);
    rows.push(...batchRows(batch));
    batches++;
    batch.reset();
  };
  const decoder = new StreamDecoder(limits, take);
  const lines = Array.from({ length: 1050 }, (_, i) => `{"type":"a","id":"${i}","n":${i}}`);
  t.is(decoder.decode('ndjson', Buffer.from(lines.join('\n')), ARRIVAL_MS).accepted, 1050);
  take(decoder.batch);
  t.is(batches, 11);
  t.deepEqual(
    rows.map((row) => row.get('n:2')),
    lines.map((_, i) => i),
  );
});

test('random field names run into the column limit and leave no mark on the next batch', (t) => {
  const limits = { ...DEFAULT_DECODE_LIMITS, batchColumnsMax: 50 };
  const decoder = new StreamDecoder(limits, unlimited);
  const lines = Array.from({ length: 200 }, (_, i) => `{"type":"a","random${i}":${i}}`);
  const outcome = decoder.decode('ndjson', Buffer.from(lines.join('\n')), ARRIVAL_MS);
  t.is(outcome.accepted, 48); // ts, type and 48 others
  t.true(outcome.rejections.every(({ code }) => code === 'too_many_columns'));
  decoder.batch.reset();
  for (let i = 0; i < 3; i++) {
    t.is(decoder.decode('ndjson', Buffer.from('{"type":"a","x":1}'), ARRIVAL_MS).accepted, 1);
    t.deepEqual(
      decoder.batch.columns().map(({ name }) => name),
      ['ts', 'type', 'x'],
    );
    decoder.batch.reset();
    decoder.decode('ndjson', Buffer.from(lines.slice(0, 40).join('\n')), ARRIVAL_MS);
    decoder.batch.reset();
  }
});
