/**
 * CloudEvents 1.0 in Kafka's records, structured and binary
 * (https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/kafka-protocol-binding.md). Both come to the decoder as
 * the same JSON, attributes beside `data`, so that an event has the same fields however it was sent.
 */
import { isUtf8 } from 'node:buffer';
import type { ForeignRecord } from '../../storage/kafka/foreign-records.ts';
import type { Fault } from '../ingest/decode/event-draft.ts';
import { elementEnd, skipSpace, skipSpaceBack } from '../ingest/decode/json-body.ts';
import { PaddedCopy } from '../ingest/decode/padded.ts';
import { err, ok, type Result } from '../model/result.ts';

/** An event's id is unique per source, so the two together are its id here; by itself it stays a field. */
export const CLOUD_EVENT_FIELDS: Readonly<Record<string, string>> = { id: 'ce_id', time: 'ts' };

export interface CloudEvent {
  /** JSON. */
  readonly body: Uint8Array;
  readonly id: string;
}

const PREFIX = Buffer.from('ce_');
const SPEC_VERSION = Buffer.from('ce_specversion');
const CONTENT_TYPE = Buffer.from('content-type');
const SLACK_BYTES = 8;
const padded = new PaddedCopy();

/** `value` is what the record holds; nothing for a binary event without data. */
export function cloudEventOf(
  record: ForeignRecord,
  value: Buffer | undefined,
): Result<CloudEvent, Fault> {
  const contentType = record.header(CONTENT_TYPE)?.toString() ?? '';
  const isBinary = record.header(SPEC_VERSION) !== undefined;
  if (isBinary && !contentType.startsWith('application/cloudevents')) {
    return binaryEvent(record, value, contentType);
  }
  if (contentType.startsWith('application/cloudevents') && !isJson(contentType)) {
    return refusal(`expected CloudEvents as JSON, received ${JSON.stringify(contentType)}`);
  }
  return structuredEvent(value ?? Buffer.alloc(0));
}

/** The attributes are read here, to be judged as such; the event itself is for the decoder. */
function structuredEvent(value: Buffer): Result<CloudEvent, Fault> {
  let event: unknown;
  try {
    event = JSON.parse(value.toString());
  } catch {
    // The decoder says in its own words what is wrong.
    return ok({ body: value, id: '' });
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    return refusal('expected one object');
  }
  const attributes = new Map<string, unknown>(Object.entries(event));
  const id = idOf((name) => attributes.get(name));
  return id.ok ? ok({ body: value, id: id.value }) : id;
}

function binaryEvent(
  record: ForeignRecord,
  value: Buffer | undefined,
  contentType: string,
): Result<CloudEvent, Fault> {
  const attributes: Record<string, string> = {};
  for (const [name, bytes] of record.headers()) {
    const isAttribute = name.subarray(0, PREFIX.length).equals(PREFIX);
    if (!isAttribute || bytes === undefined) continue;
    if (!isUtf8(bytes)) return refusal(`the header ${JSON.stringify(name.toString())} is no UTF-8`);
    attributes[name.toString('utf8', PREFIX.length)] = bytes.toString();
  }
  if (contentType !== '') attributes['datacontenttype'] = contentType;
  const id = idOf((name) => attributes[name]);
  if (!id.ok) return id;
  const envelope = JSON.stringify(attributes);
  const data = dataOf(value, contentType);
  if (data === undefined) return refusal('the data is not one JSON value');
  if (data.length === 0) return ok({ body: Buffer.from(envelope), id: id.value });
  const head = Buffer.from(envelope.slice(0, -1));
  return ok({ body: Buffer.concat([head, ...data, CLOSE]), id: id.value });
}

const DATA = Buffer.from(',"data":');
const DATA_BASE64 = Buffer.from(',"data_base64":');
const CLOSE = Buffer.from('}');

/** As members of the envelope; undefined if it is not what its type says. */
function dataOf(value: Buffer | undefined, contentType: string): Buffer[] | undefined {
  if (value === undefined || value.length === 0) return [];
  if (contentType === '' || isJson(contentType)) {
    return isOneValue(value) ? [DATA, value] : undefined;
  }
  if (contentType.startsWith('text/') && isUtf8(value)) {
    return [DATA, Buffer.from(JSON.stringify(value.toString()))];
  }
  return [DATA_BASE64, Buffer.from(JSON.stringify(value.toString('base64')))];
}

/** So that it cannot go on behind its end and become members of the envelope. The decoder judges it as JSON. */
function isOneValue(value: Buffer): boolean {
  const from = skipSpace(value, 0, value.length);
  const to = skipSpaceBack(value, from, value.length);
  return from < to && elementEnd(padded.take(value, SLACK_BYTES), from, to) === to;
}

/** `application/json`, `application/cloudevents+json; charset=UTF-8`. */
const isJson = (contentType: string): boolean =>
  /^[\w.+-]+\/([\w.-]+\+)?json\s*(;|$)/i.test(contentType);

const MAJOR_VERSION = /^1\.\d+$/;

function idOf(attribute: (name: string) => unknown): Result<string, Fault> {
  const version = attribute('specversion');
  if (typeof version !== 'string' || !MAJOR_VERSION.test(version)) {
    return refusal(`expected "specversion" 1.0, received ${JSON.stringify(version) ?? 'none'}`);
  }
  const [id, source] = [attribute('id'), attribute('source')];
  if (typeof id !== 'string' || id === '') return refusal('expected an "id"');
  if (typeof source !== 'string' || source === '') return refusal('expected a "source"');
  // A source is a URI, which has no space.
  return ok(`${source} ${id}`);
}

const refusal = (detail: string): Result<never, Fault> =>
  err({ code: 'invalid_cloudevent', detail });
