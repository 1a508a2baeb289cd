/** Where a record goes, and what is known of its events beside its value. */
import { isUtf8 } from 'node:buffer';
import type { ForeignRecord } from '../../storage/kafka/foreign-records.ts';
import type { Destination } from '../ingest/coalescer.ts';
import type { BodyForm } from '../ingest/decode/decoder.ts';
import type { Fault } from '../ingest/decode/event-draft.ts';
import type { Given, GivenText } from '../ingest/decode/given.ts';
import { parseRfc3339 } from '../ingest/decode/rfc3339.ts';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { EPOCH_MS_MAX } from '../model/units.ts';
import { DESTINATIONS_MAX } from './limits.ts';
import type { FromHeader, FromKey, RecordMapping, SourceFormat } from './options.ts';

const FORMS: Readonly<Record<SourceFormat, BodyForm>> = {
  json: 'json',
  ndjson: 'ndjson',
  msgpack: 'msgpack',
  cloudevents: 'json',
};

export type Place = Omit<Destination, 'form'>;

/** Kept as a dead letter there. */
export interface Refused extends Place {
  readonly fault: Fault;
}

export class RecordMapper {
  readonly #mapping: RecordMapping;
  readonly #form: BodyForm;
  readonly #tenants: ReadonlySet<string>;
  readonly #deadPlace: Place;
  /** By header; looked for in the bytes of each record. */
  readonly #names = new Map<string, Buffer>();
  /** `tenant\0stream` -> where that is. */
  readonly #destinations = new Map<string, Destination>();
  #last: Destination | undefined;
  readonly #valueBytesMax: number;

  /** `deadStream` is where dead letters go of which no stream is known. */
  constructor(mapping: RecordMapping, deadStream: string, valueBytesMax: number) {
    this.#mapping = mapping;
    this.#form = FORMS[mapping.format];
    this.#valueBytesMax = valueBytesMax;
    const { tenant, stream } = mapping;
    this.#tenants = new Set(typeof tenant === 'string' ? [tenant] : tenant.allow);
    this.#deadPlace = {
      tenant: typeof tenant === 'string' ? tenant : tenant.refusedTo,
      stream: typeof stream === 'string' ? stream : deadStream,
    };
  }

  /** Fills in `given`, but for the id that events have from their place. A stream that a field names is yet to be found. */
  map(record: ForeignRecord, topic: string, given: Given): Destination | Refused {
    const tenant = this.#tenantOf(record);
    if (typeof tenant !== 'string') return { ...this.#deadPlace, fault: tenant };
    const stream = this.#streamOf(record, topic);
    const place = { tenant, stream: this.#deadPlace.stream };
    if (typeof stream !== 'string') return { ...place, fault: stream };
    const fault = this.#give(record, given);
    return fault === undefined ? this.destination(tenant, stream) : { tenant, stream, fault };
  }

  destination(tenant: string, stream: string): Destination {
    const last = this.#last;
    if (last?.tenant === tenant && last.stream === stream) return last;
    const key = `${tenant}\0${stream}`;
    let known = this.#destinations.get(key);
    if (known === undefined) {
      if (this.#destinations.size >= DESTINATIONS_MAX) this.#destinations.clear();
      known = { tenant, stream, form: this.#form };
      this.#destinations.set(key, known);
    }
    this.#last = known;
    return known;
  }

  #tenantOf(record: ForeignRecord): string | Fault {
    const { tenant } = this.#mapping;
    if (typeof tenant === 'string') return tenant;
    const named = this.#header(record, tenant)?.toString();
    if (named !== undefined && this.#tenants.has(named)) return named;
    return unmapped(
      `the header "${tenant.header}" names no tenant that may be named: ${shown(named)}`,
    );
  }

  #streamOf(record: ForeignRecord, topic: string): string | Fault {
    const { stream } = this.#mapping;
    if (typeof stream === 'string') return stream;
    if ('field' in stream) return this.#deadPlace.stream;
    const name = 'header' in stream ? this.#header(record, stream)?.toString() : topic;
    if (name !== undefined && isStreamName(name)) return name;
    const what = 'header' in stream ? `the header "${stream.header}"` : 'the topic';
    return unmapped(`${what} names no stream: ${shown(name)}; ${STREAM_NAME_RULE}`);
  }

  #give(record: ForeignRecord, given: Given): Fault | undefined {
    const { type, key, id, time } = this.#mapping;
    const faults = [
      typeof type === 'string' ? setText(given.type, type) : this.#set(given.type, record, type),
      this.#set(given.key, record, key === 'none' ? undefined : key),
      this.#set(given.id, record, id),
    ];
    for (const fault of faults) if (fault !== undefined) return fault;
    given.tsMs = record.timestampMs;
    const told = time && this.#header(record, time);
    if (time === undefined || told === undefined) return undefined;
    given.tsMs = timeOf(told);
    if (given.tsMs >= 0 && given.tsMs <= EPOCH_MS_MAX) return undefined;
    return {
      code: 'invalid_ts',
      detail: `the header "${time.header}" is ${shown(told.toString())}`,
    };
  }

  #set(text: GivenText, record: ForeignRecord, from: FromHeader | FromKey | undefined) {
    text.clear();
    if (from === undefined) return undefined;
    const bytes = 'header' in from ? this.#header(record, from) : record.key;
    if (bytes === undefined || bytes.length === 0) return undefined;
    // A key of another program may be any bytes.
    if (isUtf8(bytes)) text.set(bytes);
    else text.setText(bytes.toString('hex'));
    if (text.length <= this.#valueBytesMax) return undefined;
    const what = 'header' in from ? `the header "${from.header}"` : 'the key';
    const detail = `${what} has ${text.length} bytes, limits.valueBytesMax allows ${this.#valueBytesMax}`;
    return { code: 'value_too_long', detail } satisfies Fault;
  }

  #header(record: ForeignRecord, { header }: FromHeader): Buffer | undefined {
    let name = this.#names.get(header);
    if (name === undefined) {
      name = Buffer.from(header);
      this.#names.set(header, name);
    }
    return record.header(name);
  }
}

/** Epoch milliseconds or RFC 3339; NaN for anything else. */
function timeOf(bytes: Buffer): number {
  const text = bytes.toString('latin1');
  if (/^\d{1,15}$/.test(text)) return Number(text);
  return parseRfc3339(bytes, 0, bytes.length);
}

function setText(text: GivenText, value: string): undefined {
  text.setText(value);
}

const SHOWN_LENGTH_MAX = 80;

const shown = (value: string | undefined): string =>
  value === undefined ? 'it is not there' : JSON.stringify(value.slice(0, SHOWN_LENGTH_MAX));

export const unmapped = (detail: string): Fault => ({ code: 'unmapped_record', detail });
