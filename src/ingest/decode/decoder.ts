/**
 * From the bytes of one request or frame to rows of a stream's `ColumnBatch`. Nothing here throws on what came from
 * outside: a line is accepted, or refused with a code, and its neighbours are not touched.
 */
import { isUtf8 } from 'node:buffer';
import { ColumnBatch } from './column-batch.ts';
import { EventDraft, type Fault } from './event-draft.ts';
import { readJson } from './fallback.ts';
import { elementEnd, isWholeArray, skipSpace, skipSpaceBack } from './json-body.ts';
import { ShapeLearner } from './learner.ts';
import type { DecodeLimits } from './limits.ts';
import { MsgpackReader, NOT_WHOLE } from './msgpack.ts';
import { DecodeOutcome } from './outcome.ts';
import { PaddedCopy, type Text } from './padded.ts';
import { NOT_PLAIN, ShapeTree, SLACK_BYTES, UNKNOWN } from './shape.ts';

export type BodyForm = 'ndjson' | 'json' | 'msgpack';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COMMA = 0x2c;

/** What the edge keeps per tenant and stream. Bodies are decoded one after the other, each at once. */
export class StreamDecoder {
  readonly batch: ColumnBatch;
  readonly #limits: DecodeLimits;
  readonly #draft: EventDraft;
  readonly #msgpack: MsgpackReader;
  readonly #shapes: ShapeTree;
  readonly #learner: ShapeLearner;
  readonly #padded = new PaddedCopy();
  /** Of the body that is being decoded: when it came, what became of it, and whether all of it is valid UTF-8. */
  #arrivalMs = 0;
  #outcome = new DecodeOutcome();
  #plain = false;

  /** For `onFull` see `ColumnBatch`: it may be called while a body is being decoded, between two of its rows. */
  constructor(limits: DecodeLimits, onFull: (batch: ColumnBatch) => void) {
    this.batch = new ColumnBatch(limits, onFull);
    this.#limits = limits;
    this.#draft = new EventDraft(limits);
    this.#msgpack = new MsgpackReader(limits);
    this.#shapes = new ShapeTree(this.batch);
    this.#learner = new ShapeLearner(this.#shapes);
  }

  /**
   * Appends the events of `body` to the batch; `arrivalMs` is the time of those that have none.
   *
   * - `ndjson`: one event per line; empty lines are counted as lines, not as events.
   * - `json`: one event, or an array of them. Each element is judged by itself; if the array itself is broken
   *   (a bracket or string that does not end), the whole body is refused as its line 0.
   * - `msgpack`: events one after the other, and arrays of events. After broken bytes nothing more can be found.
   */
  decode(form: BodyForm, body: Uint8Array, arrivalMs: number): DecodeOutcome {
    this.#outcome = new DecodeOutcome();
    this.#arrivalMs = arrivalMs;
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (form === 'ndjson') this.#lines(bytes);
    else if (form === 'json') this.#document(bytes);
    else this.#values(bytes);
    return this.#outcome;
  }

  #lines(bytes: Buffer): void {
    this.#plain = isUtf8(bytes);
    const start = byteOrderMarkLength(bytes);
    // The lines that have slack behind them are read where they are, the last ones in a copy.
    const newline = bytes.length > SLACK_BYTES ? bytes.lastIndexOf(NEWLINE, -SLACK_BYTES - 1) : -1;
    const split = Math.max(newline + 1, start);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const line = this.#linesOf({ bytes, view }, start, split, 0);
    const tail = this.#padded.take(bytes.subarray(split), SLACK_BYTES);
    this.#linesOf(tail, 0, bytes.length - split, line);
  }

  /** The lines in `[from, to)`, numbered from `firstLine` on; answers the number of the line that follows. */
  #linesOf(text: Text, from: number, to: number, firstLine: number): number {
    const { bytes } = text;
    let line = firstLine;
    for (let at = from; at < to; line++) {
      const stop = this.#match(text, at);
      if (stop >= 0) {
        const after = bytes[stop] === CARRIAGE_RETURN ? stop + 1 : stop;
        if ((after >= to || bytes[after] === NEWLINE) && this.#accept(at, stop)) {
          at = after + 1;
          continue;
        }
        this.#shapes.abandon();
      }
      const newline = bytes.indexOf(NEWLINE, at);
      const next = newline === -1 || newline > to ? to : newline;
      const end = next > at && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
      if (end > at) this.#fallBack(text, at, end, line, stop === UNKNOWN);
      at = next + 1;
    }
    return line;
  }

  #document(body: Buffer): void {
    this.#plain = isUtf8(body);
    const start = skipSpace(body, byteOrderMarkLength(body), body.length);
    const end = skipSpaceBack(body, start, body.length) - start;
    if (end === 0) return;
    const text = this.#padded.take(body.subarray(start), SLACK_BYTES);
    const { bytes } = text;
    const array = bytes[0] === 0x5b;
    if (array && !isWholeArray(text, 0, end)) {
      const detail = 'the array is not closed, or something follows it';
      this.#outcome.reject({ code: 'invalid_json', detail }, 0, bytes, 0, end, this.#limits);
      return;
    }
    const last = array ? end - 1 : end;
    let at = array ? skipSpace(bytes, 1, last) : 0;
    if (at === last) return;
    for (let element = 0; at <= last; element++) {
      const stop = this.#match(text, at);
      if (stop >= 0) {
        const after = skipSpace(bytes, stop, last);
        const ends = after === last || (array && bytes[after] === COMMA);
        if (ends && this.#accept(at, stop)) {
          at = skipSpace(bytes, after + 1, last);
          continue;
        }
        this.#shapes.abandon();
      }
      const comma = array ? elementEnd(text, at, last) : last;
      const to = skipSpaceBack(bytes, at, comma);
      this.#fallBack(text, at, to, element, stop === UNKNOWN);
      at = skipSpace(bytes, comma + 1, last);
    }
  }

  #values(bytes: Buffer): void {
    this.#msgpack.start(bytes);
    let at = 0;
    /** Elements that are still to come of the array that was entered. */
    let elements = 0;
    for (let line = 0; at < bytes.length || elements > 0; ) {
      const array = elements === 0 ? this.#msgpack.arrayAt(at) : undefined;
      if (array !== undefined) {
        elements = array.length;
        at = array.first;
        continue;
      }
      elements = Math.max(0, elements - 1);
      const end = this.#msgpack.valueEnd(at);
      if (end === -1) {
        this.#outcome.reject(NOT_WHOLE, line, bytes, at, bytes.length, this.#limits);
        return;
      }
      const fault = this.#judgeValue(at, end);
      if (fault === undefined) this.#outcome.accepted++;
      else this.#outcome.reject(fault, line, bytes, at, end, this.#limits);
      at = end;
      line++;
    }
  }

  #judgeValue(at: number, end: number): Fault | undefined {
    if (end - at > this.#limits.lineBytesMax) return { code: 'line_too_long' };
    const fault = this.#msgpack.readEvent(at, this.#draft);
    return fault ?? this.#draft.commit(this.batch, this.#arrivalMs);
  }

  /** Tries the shapes on the text at `at`; see `ShapeTree.match`. */
  #match({ bytes, view }: Text, at: number): number {
    if (!this.#plain) return NOT_PLAIN;
    if (!this.batch.fits(0)) this.batch.seal();
    this.batch.reserve(0);
    return this.#shapes.match(bytes, view, at, this.#arrivalMs);
  }

  #accept(from: number, to: number): boolean {
    if (to - from > this.#limits.lineBytesMax) return false;
    this.#shapes.accept(to - from);
    this.#outcome.accepted++;
    return true;
  }

  /** Judges one JSON text by `JSON.parse`, and learns its shape if it is an unknown one. */
  #fallBack(text: Text, from: number, to: number, line: number, unknown: boolean): void {
    const fault = this.#judge(text.bytes, from, to);
    if (fault !== undefined) {
      this.#outcome.reject(fault, line, text.bytes, from, to, this.#limits);
      return;
    }
    this.#outcome.accepted++;
    if (unknown) this.#learner.consider(text, from, to);
  }

  #judge(bytes: Buffer, from: number, to: number): Fault | undefined {
    if (to - from > this.#limits.lineBytesMax) return { code: 'line_too_long' };
    const fault = readJson(bytes, from, to, this.#draft, this.#limits);
    return fault ?? this.#draft.commit(this.batch, this.#arrivalMs);
  }
}

const byteOrderMarkLength = (bytes: Uint8Array): number =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
