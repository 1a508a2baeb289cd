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

const EXPECTED =
  'expected application/x-ndjson, application/json, application/msgpack or text/plain (NDJSON)';

/** Parameters such as `charset=utf-8` are ignored: every text form here is UTF-8 by definition. */
export function bodyForm(contentType: string): Result<BodyForm, Refusal> {
  const known = FORMS.get(contentType) ?? FORMS.get(essence(contentType));
  if (known !== undefined) return ok(known);
  return err({ code: 'unsupported_media_type', message: mediaTypeAdvice(contentType) });
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

/** A header as part of a message: JSON-quoted and cut, because its bytes are the sender's. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
