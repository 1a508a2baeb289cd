/** Which form a request's body has, by its `Content-Type` and `Content-Encoding`. */
import { err, ok, type Result } from '../model/result.ts';
import type { BodyForm } from './decode/decoder.ts';
import type { Refusal } from './refusal.ts';

export type Encoding = 'identity' | 'gzip' | 'zstd' | 'br';

const FORMS: ReadonlyMap<string, BodyForm> = new Map([
  ['application/x-ndjson', 'ndjson'],
  ['application/ndjson', 'ndjson'],
  ['application/jsonl', 'ndjson'],
  ['application/json', 'json'],
  ['application/msgpack', 'msgpack'],
  ['application/x-msgpack', 'msgpack'],
  ['application/vnd.msgpack', 'msgpack'],
  // What `navigator.sendBeacon` sends without asking the server first.
  ['text/plain', 'ndjson'],
]);

const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
  ['', 'identity'],
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['zstd', 'zstd'],
  ['br', 'br'],
]);

const CHARSETS: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);

const EXPECTED =
  'expected application/x-ndjson, application/json, application/msgpack or text/plain (NDJSON)';

/** Every text form here is UTF-8 by definition, and one that says it is anything else is not read as what it is not. */
export function bodyForm(contentType: string): Result<BodyForm, Refusal> {
  const plain = FORMS.get(contentType);
  if (plain !== undefined) return ok(plain);
  const known = FORMS.get(essence(contentType));
  const charset = known === 'msgpack' ? undefined : charsetOf(contentType);
  if (known !== undefined && (charset === undefined || CHARSETS.has(charset.toLowerCase()))) {
    return ok(known);
  }
  const message =
    known === undefined || charset === undefined
      ? mediaTypeAdvice(contentType)
      : `expected a body in UTF-8 (charset utf-8 or us-ascii, or none), received charset ${quoted(charset)}`;
  return err({ code: 'unsupported_media_type', message });
}

export function bodyEncoding(contentEncoding: string): Result<Encoding, Refusal> {
  const known =
    ENCODINGS.get(contentEncoding) ?? ENCODINGS.get(contentEncoding.trim().toLowerCase());
  if (known !== undefined) return ok(known);
  return err({
    code: 'unsupported_encoding',
    message: `expected Content-Encoding gzip, zstd, br or none, received ${quoted(contentEncoding)}`,
  });
}

function mediaTypeAdvice(contentType: string): string {
  if (contentType === '') return `the request has no Content-Type: ${EXPECTED}`;
  if (essence(contentType) === 'application/x-www-form-urlencoded') {
    return `received application/x-www-form-urlencoded, which curl sends by itself: add -H 'Content-Type: application/x-ndjson' and use --data-binary, because -d removes line ends. ${EXPECTED}`;
  }
  return `${EXPECTED}, received ${quoted(contentType)}`;
}

const essence = (contentType: string): string =>
  (contentType.split(';', 1)[0] as string).trim().toLowerCase();

const charsetOf = (contentType: string): string | undefined =>
  /;\s*charset\s*=\s*"?([^\s;"]*)/i.exec(contentType)?.[1];

/** A header as part of a message: JSON-quoted and cut, because its bytes are the sender's. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
