/**
 * Request bodies that are encoded once and then only stamped: a send writes the batch number into the ids and the time into
 * `ts`, in place, so the generator neither builds nor parses JSON while it measures.
 */
import { Packr } from 'msgpackr';
import {
  drawWorkload,
  EVENT_TYPES,
  type EventTemplate,
  ID_SOURCE_DIGITS,
  LAGS_MS,
  TS_DIGITS,
  TS_PLACEHOLDER,
  type WorkloadOptions,
} from './workload.ts';

export type Encoding = 'ndjson' | 'msgpack';

/** What precedes a payload on the wire: an HTTP head or a frame header. */
export type Framing = (payloadBytes: number) => Uint8Array;

/** One cell of what a body adds: events of a type with the same lag. */
export interface Share {
  readonly lag: number;
  readonly type: number;
  readonly events: number;
  readonly durationSumMs: number;
}

const TS_BYTES: Readonly<Record<Encoding, Uint8Array>> = {
  ndjson: Buffer.from(String(TS_PLACEHOLDER)),
  msgpack: Buffer.from(Float64Array.of(TS_PLACEHOLDER).buffer).reverse(),
};
const ENCODE: Readonly<Record<Encoding, (event: EventTemplate) => Buffer>> = {
  ndjson: (event) => Buffer.from(`${JSON.stringify(event.fields)}\n`),
  msgpack: packer(),
};

/** Builds `options.bodies` bodies in memory that nobody else refers to. */
export function buildBodies(
  options: WorkloadOptions,
  encoding: Encoding,
  frame: Framing,
): StampedBody[] {
  let index = 0;
  return Array.from(
    drawWorkload(options),
    (events) => new StampedBody(index++, events, encoding, frame),
  );
}

export class StampedBody {
  /** Place in the workload, to find its events again. */
  readonly index: number;
  readonly events: number;
  /** Framing and payload: what goes to the socket. Must not be stamped again before the answer is there. */
  readonly bytes: Buffer;
  readonly shares: readonly Share[];
  /** The time of the last stamp, epoch milliseconds. */
  stampedAtMs = 0;

  readonly #encoding: Encoding;
  readonly #view: DataView;
  readonly #batchAt: Uint32Array;
  readonly #tsAt: Uint32Array;
  readonly #lagOf: Uint8Array;
  readonly #lagsUsed: readonly number[];

  constructor(index: number, events: readonly EventTemplate[], encoding: Encoding, frame: Framing) {
    this.index = index;
    this.events = events.length;
    this.#encoding = encoding;
    const encoded = events.map(ENCODE[encoding]);
    const payloadHead = encoding === 'msgpack' ? arrayHead(events.length) : Buffer.alloc(0);
    const payloadBytes = encoded.reduce((sum, { length }) => sum + length, payloadHead.length);
    const prefix = Buffer.concat([frame(payloadBytes), payloadHead]);
    this.bytes = Buffer.concat([prefix, ...encoded]);
    this.#view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
    this.#batchAt = new Uint32Array(events.length);
    this.#tsAt = new Uint32Array(events.length);
    let at = prefix.length;
    encoded.forEach((line, i) => {
      this.#batchAt[i] = at + find(line, (events[i] as EventTemplate).id) + ID_SOURCE_DIGITS;
      this.#tsAt[i] = at + find(line, TS_BYTES[encoding]);
      at += line.length;
    });
    this.#lagOf = Uint8Array.from(events, ({ lag }) => lag);
    this.#lagsUsed = [...new Set(this.#lagOf)];
    this.shares = sharesOf(events);
  }

  /** Makes every id of the body new and every time recent. `batch` is below 2^48 and used once per source. */
  stamp(batch: number, nowMs: number): void {
    const view = this.#view;
    const [a, b, c] = batchWords(batch);
    for (const at of this.#batchAt) {
      view.setUint32(at, a, true);
      view.setUint32(at + 4, b, true);
      view.setUint32(at + 8, c, true);
    }
    if (this.#encoding === 'msgpack') this.#stampDoubles(nowMs);
    else this.#stampDigits(nowMs);
    this.stampedAtMs = nowMs;
  }

  #stampDoubles(nowMs: number): void {
    for (let i = 0; i < this.#tsAt.length; i++) {
      const lagMs = LAGS_MS[this.#lagOf[i] as number] as number;
      this.#view.setFloat64(this.#tsAt[i] as number, nowMs - lagMs);
    }
  }

  /** Thirteen digits are four stores of four bytes, the last two of which overlap. */
  #stampDigits(nowMs: number): void {
    const view = this.#view;
    for (const lag of this.#lagsUsed) digitWords(nowMs - (LAGS_MS[lag] as number), lag);
    for (let i = 0; i < this.#tsAt.length; i++) {
      const at = this.#tsAt[i] as number;
      const word = (this.#lagOf[i] as number) * 4;
      view.setUint32(at, lagWords[word] as number, true);
      view.setUint32(at + 4, lagWords[word + 1] as number, true);
      view.setUint32(at + 8, lagWords[word + 2] as number, true);
      view.setUint32(at + TS_DIGITS - 4, lagWords[word + 3] as number, true);
    }
  }
}

function sharesOf(events: readonly EventTemplate[]): Share[] {
  const cells = LAGS_MS.length * EVENT_TYPES.length;
  const counts = new Float64Array(cells);
  const sums = new Float64Array(cells);
  for (const { lag, type, durationMs } of events) {
    const cell = lag * EVENT_TYPES.length + type;
    counts[cell] = (counts[cell] as number) + 1;
    sums[cell] = (sums[cell] as number) + durationMs;
  }
  const shares: Share[] = [];
  for (let cell = 0; cell < cells; cell++) {
    if (counts[cell] === 0) continue;
    shares.push({
      lag: Math.floor(cell / EVENT_TYPES.length),
      type: cell % EVENT_TYPES.length,
      events: counts[cell] as number,
      durationSumMs: sums[cell] as number,
    });
  }
  return shares;
}

function packer(): (event: EventTemplate) => Buffer {
  const packr = new Packr({ useRecords: false, variableMapSize: true });
  return (event) => Buffer.from(packr.pack(event.fields));
}

function arrayHead(length: number): Buffer {
  const head = Buffer.alloc(5, 0xdd);
  head.writeUInt32BE(length, 1);
  return head;
}

function find(line: Buffer, what: string | Uint8Array): number {
  const at = line.indexOf(what);
  if (at < 0) throw new Error(`expected a place to stamp in ${line.toString('latin1')}`);
  return at;
}

const text = Buffer.alloc(TS_DIGITS);
const lagWords = new Uint32Array(LAGS_MS.length * 4);
/** What `lagWords` says. */
const lagWordsMs = new Float64Array(LAGS_MS.length);
/** 0..ffff as four hexadecimal digits each. */
const HEX_WORDS = Uint32Array.from({ length: 2 ** 16 }, (_, value) =>
  Buffer.from(value.toString(16).padStart(4, '0'), 'latin1').readUInt32LE(),
);

const hexWord = (value: number): number => HEX_WORDS[value & 0xffff] as number;

/** Twelve digits, four a word. */
function batchWords(batch: number): [number, number, number] {
  const high = Math.floor(batch / 2 ** 32);
  return [hexWord(high), hexWord(batch >>> 16), hexWord(batch)];
}

/** Once a millisecond, however many bodies are stamped in it. */
function digitWords(ms: number, lag: number): void {
  if (lagWordsMs[lag] === ms) return;
  lagWordsMs[lag] = ms;
  const word = lag * 4;
  text.write(String(ms), 0, 'latin1');
  lagWords[word] = text.readUInt32LE(0);
  lagWords[word + 1] = text.readUInt32LE(4);
  lagWords[word + 2] = text.readUInt32LE(8);
  lagWords[word + 3] = text.readUInt32LE(TS_DIGITS - 4);
}
