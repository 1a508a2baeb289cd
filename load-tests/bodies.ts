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
  /** Per event three numbers: where its batch is, where its `ts` is, and its lag. One array, because most are cold. */
  readonly #places: Uint32Array;

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
    let at = prefix.length;
    const places = encoded.map((line, i) => {
      const { id, lag } = events[i] as EventTemplate;
      const batchAt = at + find(line, id) + ID_SOURCE_DIGITS;
      const tsAt = at + find(line, TS_BYTES[encoding]);
      at += line.length;
      return [batchAt, tsAt, lag];
    });
    this.#places = Uint32Array.from(places.flat());
    this.shares = sharesOf(events);
  }

  /** Makes every id of the body new and every time recent. `batch` is below 2^48 and used once per source. */
  stamp(batch: number, nowMs: number): void {
    const view = this.#view;
    const places = this.#places;
    const isMsgpack = this.#encoding === 'msgpack';
    const a = hexWord(Math.floor(batch / 2 ** 32));
    const b = hexWord(batch >>> 16);
    const c = hexWord(batch);
    for (let i = 0; i < places.length; i += 3) {
      const at = places[i] as number;
      view.setUint32(at, a, true);
      view.setUint32(at + 4, b, true);
      view.setUint32(at + 8, c, true);
      const ts = nowMs - (LAGS_MS[places[i + 2] as number] as number);
      if (isMsgpack) view.setFloat64(places[i + 1] as number, ts);
      else stampDigits(view, places[i + 1] as number, ts);
    }
    this.stampedAtMs = nowMs;
  }
}

/** Thirteen digits are four stores of four bytes, the last two of which overlap. */
function stampDigits(view: DataView, at: number, ms: number): void {
  const high = Math.floor(ms / 1e9);
  const low = ms - high * 1e9;
  view.setUint32(at, DIGIT_WORDS[high] as number, true);
  view.setUint32(at + 4, DIGIT_WORDS[Math.floor(low / 1e5)] as number, true);
  view.setUint32(at + 8, DIGIT_WORDS[Math.floor(low / 10) % 1e4] as number, true);
  view.setUint32(at + TS_DIGITS - 4, DIGIT_WORDS[low % 1e4] as number, true);
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

/** Four characters as they lie in memory, for each number below `count`. */
const wordsOf = (count: number, radix: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, value) =>
    Buffer.from(value.toString(radix).padStart(4, '0'), 'latin1').readUInt32LE(),
  );
const HEX_WORDS = wordsOf(2 ** 16, 16);
const DIGIT_WORDS = wordsOf(10_000, 10);

const hexWord = (value: number): number => HEX_WORDS[value & 0xffff] as number;
