/**
 * What comes in, what is answered. `code` is that of the whole request's error, or of the first refused line; rows
 * without one are accepted in full.
 */
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'msgpackr';
import type { RefusalCode } from '../../src/ingest/refusal.ts';
import type { RejectionCode } from '../../src/model/errors.ts';
import type { Request } from './send.ts';

export interface BadInput extends Request {
  readonly name: string;
  readonly status: number;
  readonly code?: RejectionCode | RefusalCode;
  /** Line of the first error. */
  readonly line?: number;
  /** Of the message of that error. */
  readonly said?: RegExp;
  /** Events of the body that are accepted all the same. */
  readonly accepted?: number;
}

/** The key that may write on the table's edge. */
export const WRITE_KEY = 'sg_write';
export const READ_KEY = 'sg_read';
export const BODY_BYTES_MAX = 16 * 1024 * 1024;

const GOOD = '{"type":"good"}';
const lines = (...all: string[]) => `${all.join('\n')}\n`;
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const withType = (contentType: string) => ({ 'content-type': contentType });
const encoded = (encoding: string) => ({ 'content-encoding': encoding });
const stream = (name: string) => `/v1/events?stream=${encodeURIComponent(name)}`;
const nested = (depth: number) => `{"type":"a","x":${'{"y":'.repeat(depth)}1${'}'.repeat(depth)}}`;
const nestedArray = (depth: number) => `{"type":"a","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
const manyFields = `{"type":"a",${Array.from({ length: 100_000 }, (_, i) => `"${i.toString(36)}":1`).join(',')}}`;
const bomb = Buffer.alloc(4 * BODY_BYTES_MAX, ' ');
const plenty = lines(...Array.from({ length: 5_000 }, (_, i) => `{"type":"a","n":${i * 7919}}`));

export const BAD_INPUT: readonly BadInput[] = [
  // One line of several.
  {
    name: 'broken JSON in line 7 of 10',
    body: lines(...Array.from({ length: 10 }, (_, i) => (i === 7 ? '{"type":' : GOOD))),
    status: 200,
    code: 'invalid_json',
    line: 7,
    accepted: 9,
  },
  {
    name: 'invalid UTF-8',
    body: Buffer.concat([
      Buffer.from('{"type":"a'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from(`"}\n${GOOD}\n`),
    ]),
    status: 200,
    code: 'invalid_utf8',
    line: 0,
    accepted: 1,
  },
  {
    name: 'NaN',
    body: lines('{"type":"a","n":NaN}', GOOD),
    status: 200,
    code: 'invalid_json',
    line: 0,
    accepted: 1,
  },
  {
    name: '1e400',
    body: lines(GOOD, '{"type":"a","n":1e400}'),
    status: 200,
    code: 'number_out_of_range',
    line: 1,
    accepted: 1,
  },
  {
    name: 'a 40-digit number',
    body: lines(`{"type":"a","n":${'7'.repeat(40)}}`),
    status: 200,
    accepted: 1,
  },
  {
    name: '__proto__ as a field',
    body: lines('{"type":"a","__proto__":{"polluted":1}}'),
    status: 200,
    accepted: 1,
  },
  {
    name: 'constructor as a field',
    body: lines('{"type":"a","constructor":{"prototype":{"polluted":1}}}'),
    status: 200,
    accepted: 1,
  },
  {
    name: 'objects 10,000 deep',
    body: lines(nested(10_000), GOOD),
    status: 200,
    code: 'too_deep',
    said: /deeper than the limit: limits\.depthMax allows 16 levels/,
    line: 0,
    accepted: 1,
  },
  {
    name: 'arrays 10,000 deep',
    body: lines(nestedArray(10_000), GOOD),
    status: 200,
    code: 'too_deep',
    line: 0,
    accepted: 1,
  },
  {
    name: 'a line of 10 MB',
    body: lines(GOOD, `{"type":"${'a'.repeat(10_000_000)}"}`, GOOD),
    status: 200,
    code: 'line_too_long',
    said: /longer than the limit: it has 10000011 bytes, limits\.lineBytesMax allows 1048576$/,
    line: 1,
    accepted: 2,
  },
  {
    name: '100,000 fields',
    body: lines(manyFields, GOOD),
    status: 200,
    code: 'too_many_fields',
    said: /than the limit: limits\.fieldsMax allows 256$/,
    line: 0,
    accepted: 1,
  },
  {
    name: 'a long field name',
    body: lines(`{"type":"a","${'n'.repeat(1_000)}":1}`, GOOD),
    status: 200,
    code: 'field_name_too_long',
    said: /: "n{128}…" has 1000 bytes, limits\.fieldNameBytesMax allows 128$/,
    line: 0,
    accepted: 1,
  },
  {
    name: 'a long value',
    body: lines(`{"type":"a","v":"${'v'.repeat(100_000)}"}`, GOOD),
    status: 200,
    code: 'value_too_long',
    said: /: "v" has 100000 bytes, limits\.valueBytesMax allows 65536$/,
    line: 0,
    accepted: 1,
  },
  {
    name: 'duplicate keys: the last one counts',
    body: lines('{"type":"a","type":"b","n":1,"n":2}'),
    status: 200,
    accepted: 1,
  },
  { name: 'a lone surrogate', body: lines('{"type":"\\ud800"}'), status: 200, accepted: 1 },
  {
    name: 'a NUL byte in a string',
    body: lines('{"type":"a\0b"}', GOOD),
    status: 200,
    code: 'invalid_json',
    line: 0,
    accepted: 1,
  },
  { name: 'a byte order mark', body: `\ufeff${GOOD}\n`, status: 200, accepted: 1 },
  { name: 'CRLF and empty lines', body: `${GOOD}\r\n\r\n\n${GOOD}`, status: 200, accepted: 2 },
  {
    name: 'a number as event',
    body: lines('42', GOOD),
    status: 200,
    code: 'not_an_object',
    line: 0,
    accepted: 1,
  },
  {
    name: 'no type',
    body: lines('{"n":1}', GOOD),
    status: 200,
    code: 'missing_type',
    line: 0,
    accepted: 1,
  },
  {
    name: 'a number as type',
    body: lines('{"type":1}', GOOD),
    status: 200,
    code: 'invalid_type',
    line: 0,
    accepted: 1,
  },
  {
    name: 'an empty id',
    body: lines('{"type":"a","id":""}', GOOD),
    status: 200,
    code: 'invalid_id',
    line: 0,
    accepted: 1,
  },
  {
    name: 'an object as key',
    body: lines('{"type":"a","key":{}}', GOOD),
    status: 200,
    code: 'invalid_key',
    line: 0,
    accepted: 1,
  },
  // Time.
  {
    name: 'ts in the year 1',
    body: lines('{"type":"a","ts":"0001-01-01T00:00:00Z"}', GOOD),
    status: 200,
    code: 'ts_out_of_range',
    line: 0,
    accepted: 1,
  },
  {
    name: 'ts before 1970',
    body: lines('{"type":"a","ts":-1}', GOOD),
    status: 200,
    code: 'ts_out_of_range',
    line: 0,
    accepted: 1,
  },
  {
    name: 'ts in the year 40000',
    body: lines('{"type":"a","ts":1200000000000000}', GOOD),
    status: 200,
    code: 'ts_out_of_range',
    line: 0,
    accepted: 1,
  },
  {
    name: 'ts in the year 40000 as text',
    body: lines('{"type":"a","ts":"40000-01-01T00:00:00Z"}', GOOD),
    status: 200,
    code: 'invalid_ts',
    line: 0,
    accepted: 1,
  },
  {
    name: 'a leap second',
    body: lines('{"type":"a","ts":"2016-12-31T23:59:60Z"}'),
    status: 200,
    accepted: 1,
  },
  {
    name: 'the 30th of February',
    body: lines('{"type":"a","ts":"2024-02-30T00:00:00Z"}', GOOD),
    status: 200,
    code: 'invalid_ts',
    line: 0,
    accepted: 1,
  },
  {
    name: 'a word as ts',
    body: lines('{"type":"a","ts":"yesterday"}', GOOD),
    status: 200,
    code: 'invalid_ts',
    line: 0,
    accepted: 1,
  },
  // Whole bodies.
  {
    name: 'nothing but bad lines',
    body: lines('{', '}'),
    status: 400,
    code: 'all_rejected',
    line: 0,
    accepted: 0,
  },
  { name: 'an empty body', body: '', status: 400, code: 'empty_body' },
  { name: 'a body of line ends', body: '\n\r\n\n', status: 400, code: 'empty_body' },
  {
    name: 'an empty array',
    headers: withType('application/json'),
    body: '[]',
    status: 400,
    code: 'empty_body',
  },
  {
    name: 'a megabyte of one-byte lines',
    body: `${'x\n'.repeat(500_000)}${GOOD}\n`,
    status: 200,
    code: 'invalid_json',
    line: 0,
    accepted: 1,
  },
  {
    name: 'an array of a million numbers',
    headers: withType('application/json'),
    body: `[${'1,'.repeat(1_000_000)}${GOOD}]`,
    status: 200,
    code: 'not_an_object',
    line: 0,
    accepted: 1,
  },
  {
    name: 'a million msgpack nils',
    headers: withType('application/msgpack'),
    body: Buffer.concat([Buffer.alloc(1_000_000, 0xc0), pack({ type: 'a' })]),
    status: 200,
    code: 'not_an_object',
    line: 0,
    accepted: 1,
  },
  {
    name: 'an array that is not closed',
    headers: withType('application/json'),
    body: `[${GOOD},`,
    status: 400,
    code: 'all_rejected',
    line: 0,
    accepted: 0,
  },
  {
    name: 'an array with a bad element',
    headers: withType('application/json'),
    body: `[${GOOD},{"type":},${GOOD}]`,
    status: 200,
    code: 'invalid_json',
    line: 1,
    accepted: 2,
  },
  {
    name: 'broken msgpack',
    headers: withType('application/msgpack'),
    body: Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
    status: 400,
    code: 'all_rejected',
    line: 0,
    accepted: 0,
  },
  {
    name: 'random bytes',
    body: Buffer.from(Array.from({ length: 999 }, (_, i) => (i * 2_654_435_761) >>> 24)),
    status: 400,
    code: 'all_rejected',
    line: 0,
    accepted: 0,
  },
  {
    name: 'a body over the limit',
    body: Buffer.alloc(BODY_BYTES_MAX + 1, '\n'),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'an announced length over the limit',
    headers: { 'content-length': '99999999999' },
    status: 413,
    code: 'body_too_large',
    said: /at most 16777216 bytes \(limits\.bodyBytesMax\), received 99999999999: send fewer/,
  },
  {
    name: 'a JSON document over its limit',
    headers: withType('application/json'),
    body: `[${' '.repeat(9_000_000)}]`,
    status: 413,
    code: 'body_too_large',
    said: /at most 8388608 bytes, received 9000002: send NDJSON/,
  },
  // Encodings.
  { name: 'gzip', headers: encoded('gzip'), body: gzipSync(plenty), status: 200, accepted: 5_000 },
  {
    name: 'brotli',
    headers: encoded('br'),
    body: brotliCompressSync(plenty),
    status: 200,
    accepted: 5_000,
  },
  {
    name: 'zstd',
    headers: encoded('zstd'),
    body: zstdCompressSync(plenty),
    status: 200,
    accepted: 5_000,
  },
  {
    name: 'zstd of two frames',
    headers: encoded('zstd'),
    body: Buffer.concat([zstdCompressSync(plenty), zstdCompressSync(plenty)]),
    status: 200,
    accepted: 10_000,
  },
  {
    name: 'truncated gzip',
    headers: encoded('gzip'),
    body: gzipSync(plenty).subarray(0, -9),
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'truncated brotli',
    headers: encoded('br'),
    body: brotliCompressSync(plenty).subarray(0, -9),
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'truncated zstd',
    headers: encoded('zstd'),
    body: zstdCompressSync(plenty).subarray(0, -9),
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'gzip of which nothing came',
    headers: encoded('gzip'),
    body: '',
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'NDJSON that says it is gzip',
    headers: encoded('gzip'),
    body: plenty,
    status: 400,
    code: 'invalid_encoding',
  },
  {
    name: 'NDJSON that says it is brotli',
    headers: encoded('br'),
    body: plenty,
    status: 400,
    code: 'invalid_encoding',
  },
  {
    name: 'NDJSON that says it is zstd',
    headers: encoded('zstd'),
    body: plenty,
    status: 400,
    code: 'invalid_encoding',
  },
  {
    name: 'a few bytes behind the end of zstd',
    headers: encoded('zstd'),
    body: Buffer.concat([zstdCompressSync(plenty), Buffer.from('\n')]),
    status: 400,
    code: 'invalid_encoding',
    said: /^bytes follow the end of the zstd body/,
  },
  {
    name: 'many bytes behind the end of zstd',
    headers: encoded('zstd'),
    body: Buffer.concat([zstdCompressSync(plenty), Buffer.from(GOOD)]),
    status: 400,
    code: 'invalid_encoding',
    said: /^bytes follow the end of the zstd body/,
  },
  {
    name: 'zstd of which two bytes came',
    headers: encoded('zstd'),
    body: zstdCompressSync(plenty).subarray(0, 2),
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'a second zstd frame of which two bytes came',
    headers: encoded('zstd'),
    body: Buffer.concat([zstdCompressSync(plenty), zstdCompressSync(plenty).subarray(0, 2)]),
    status: 400,
    code: 'truncated_body',
  },
  {
    name: 'bytes behind the end of gzip',
    headers: encoded('gzip'),
    body: Buffer.concat([gzipSync(plenty), Buffer.from(GOOD)]),
    status: 400,
    code: 'invalid_encoding',
  },
  {
    name: 'bytes behind the end of brotli',
    headers: encoded('br'),
    body: Buffer.concat([brotliCompressSync(plenty), Buffer.from(GOOD)]),
    status: 400,
    code: 'invalid_encoding',
  },
  {
    name: 'a gzip bomb',
    headers: encoded('gzip'),
    body: gzipSync(bomb),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a brotli bomb',
    headers: encoded('br'),
    body: brotliCompressSync(bomb),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'a zstd bomb',
    headers: encoded('zstd'),
    body: zstdCompressSync(bomb),
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'an encoding that nobody knows',
    headers: encoded('compress'),
    body: GOOD,
    status: 415,
    code: 'unsupported_encoding',
  },
  // Requests.
  {
    name: 'a body in UTF-16',
    headers: withType('application/x-ndjson; charset=utf-16'),
    body: Buffer.from(GOOD, 'utf16le'),
    status: 415,
    code: 'unsupported_media_type',
    said: /^expected a body in UTF-8 .*, received charset "utf-16"$/,
  },
  {
    name: 'a body in Latin-1, said in quotes',
    headers: withType('Text/Plain ; boundary=x; Charset="ISO-8859-1"'),
    body: GOOD,
    status: 415,
    code: 'unsupported_media_type',
    said: /received charset "ISO-8859-1"$/,
  },
  ...[
    'text/plain;charset=UTF-8',
    'application/json; charset="utf-8"',
    'text/plain; charset=us-ascii',
  ].map((type) => ({ name: type, headers: withType(type), body: GOOD, status: 200, accepted: 1 })),
  {
    name: 'a wrong content type',
    headers: withType('text/html'),
    body: GOOD,
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: "curl's own content type",
    headers: withType('application/x-www-form-urlencoded'),
    body: GOOD,
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'a content type with a parameter',
    headers: withType('Application/JSON; charset=UTF-8'),
    body: GOOD,
    status: 200,
    accepted: 1,
  },
  {
    name: 'a wrong key',
    headers: bearer('sg_wrong'),
    body: GOOD,
    status: 401,
    code: 'unauthorized',
  },
  { name: 'no key', headers: { authorization: '' }, body: GOOD, status: 401, code: 'unauthorized' },
  {
    name: 'a key that is not a bearer token',
    headers: { authorization: `Basic ${WRITE_KEY}` },
    body: GOOD,
    status: 401,
    code: 'unauthorized',
  },
  {
    name: 'a key that may only read',
    headers: bearer(READ_KEY),
    body: GOOD,
    status: 403,
    code: 'forbidden',
  },
  ...['', '.hidden', '-x', '../../etc', 'a b', 'a/b', 'ä', 'a\0', 'x'.repeat(65)].map(
    (name): BadInput => ({
      name: `the stream name ${JSON.stringify(name)}`,
      path: stream(name),
      body: GOOD,
      status: 400,
      code: 'invalid_stream',
    }),
  ),
  ...['%zz', 'shop%2gx', 'a%', 'a%2', '100%25%'].map(
    (escaped): BadInput => ({
      name: `the stream name ${escaped}, with a "%" that escapes nothing`,
      path: `/v1/events?stream=${escaped}`,
      body: GOOD,
      status: 400,
      code: 'invalid_stream',
    }),
  ),
  {
    name: 'a stream name of 64 characters',
    path: stream('x'.repeat(64)),
    body: GOOD,
    status: 200,
    accepted: 1,
  },
  {
    name: 'an unknown acknowledgement',
    path: '/v1/events?ack=maybe',
    body: GOOD,
    status: 400,
    code: 'invalid_parameter',
  },
  { name: 'another method', method: 'PUT', body: GOOD, status: 405, code: 'method_not_allowed' },
  { name: 'another path', path: '/v2/events', body: GOOD, status: 404, code: 'not_found' },
  {
    name: 'a WebSocket address without a handshake',
    method: 'GET',
    path: '/v1/ws',
    status: 426,
    code: 'upgrade_required',
  },
];
