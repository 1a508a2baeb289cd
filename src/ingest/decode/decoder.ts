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
import { PaddedCopy } from './padded.ts';
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
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const outcome = new DecodeOutcome();
    switch (form) {
      case 'ndjson':
        this.#lines(bytes, arrivalMs, outcome);
        break;
      case 'json':
        this.#document(bytes, arrivalMs, outcome);
        break;
      case 'msgpack':
        this.#values(bytes, arrivalMs, outcome);
        break;
    }
    return outcome;
  }

  #lines(body: Buffer, arrivalMs: number, outcome: DecodeOutcome): void {
    const start = byteOrderMarkLength(body);
    // The lines that have slack behind them are read where they are, the last ones in a copy.
    const newline = body.length > SLACK_BYTES ? body.lastIndexOf(NEWLINE, -SLACK_BYTES - 1) : -1;
    const split = Math.max(newline + 1, start);
    const plain = isUtf8(body);
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    const line = this.#linesOf(body, view, start, split, 0, plain, arrivalMs, outcome);
    if (split === body.length) return;
    const tail = this.#padded.take(body.subarray(split), SLACK_BYTES);
    const end = body.length - split;
    this.#linesOf(tail.bytes, tail.view, 0, end, line, plain, arrivalMs, outcome);
  }

  /** The lines in `[from, to)`, numbered from `firstLine` on; answers the number of the line that follows. */
  #linesOf(
    bytes: Buffer,
    view: DataView,
    from: number,
    to: number,
    firstLine: number,
    plain: boolean,
    arrivalMs: number,
    outcome: DecodeOutcome,
  ): number {
    let line = firstLine;
    for (let at = from; at < to; line++) {
      const stop = plain ? this.#match(bytes, view, at, arrivalMs) : NOT_PLAIN;
      if (stop >= 0) {
        const after = bytes[stop] === CARRIAGE_RETURN ? stop + 1 : stop;
        if ((after >= to || bytes[after] === NEWLINE) && this.#accept(at, stop, outcome)) {
          at = after + 1;
          continue;
        }
        this.#shapes.abandon();
      }
      const newline = bytes.indexOf(NEWLINE, at);
      const next = newline === -1 || newline > to ? to : newline;
      const end = next > at && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
      if (end > at) this.#fallBack(bytes, at, end, line, stop === UNKNOWN, arrivalMs, outcome);
      at = next + 1;
    }
    return line;
  }

  #document(body: Buffer, arrivalMs: number, outcome: DecodeOutcome): void {
    const start = skipSpace(body, byteOrderMarkLength(body), body.length);
    const end = skipSpaceBack(body, start, body.length);
    if (start === end) return;
    const array = body[start] === 0x5b;
    if (array && !isWholeArray(body, start, end)) {
      const detail = 'the array is not closed, or something follows it';
      outcome.reject({ code: 'invalid_json', detail }, 0, body, start, end, this.#limits);
      return;
    }
    const { bytes, view } = this.#padded.take(body.subarray(start, end), SLACK_BYTES);
    const plain = isUtf8(body);
    const last = array ? end - start - 1 : end - start;
    let at = array ? skipSpace(bytes, 1, last) : 0;
    if (at === last) return;
    for (let element = 0; at <= last; element++) {
      const stop = plain ? this.#match(bytes, view, at, arrivalMs) : NOT_PLAIN;
      if (stop >= 0) {
        const after = skipSpace(bytes, stop, last);
        const ends = after === last || (array && bytes[after] === COMMA);
        if (ends && this.#accept(at, stop, outcome)) {
          at = skipSpace(bytes, after + 1, last);
          continue;
        }
        this.#shapes.abandon();
      }
      const comma = array ? elementEnd(bytes, at, last) : last;
      const to = skipSpaceBack(bytes, at, comma);
      this.#fallBack(bytes, at, to, element, stop === UNKNOWN, arrivalMs, outcome);
      at = skipSpace(bytes, comma + 1, last);
    }
  }

  #values(bytes: Buffer, arrivalMs: number, outcome: DecodeOutcome): void {
    this.#msgpack.start(bytes);
    let at = 0;
    /** Elements that are still to come of the array that was entered. */
    let elements = 0;
    for (let line = 0; at < bytes.length || elements > 0; line++) {
      if (elements > 0) {
        elements--;
      } else {
        const array = this.#msgpack.arrayAt(at);
        if (array !== undefined) {
          elements = array.length;
          at = array.first;
          line--;
          continue;
        }
      }
      const end = this.#msgpack.valueEnd(at);
      if (end === -1) {
        outcome.reject(NOT_WHOLE, line, bytes, at, bytes.length, this.#limits);
        return;
      }
      const fault = this.#judgeValue(at, end, arrivalMs);
      if (fault === undefined) outcome.accepted++;
      else outcome.reject(fault, line, bytes, at, end, this.#limits);
      at = end;
    }
  }

  #judgeValue(at: number, end: number, arrivalMs: number): Fault | undefined {
    if (end - at > this.#limits.lineBytesMax) return { code: 'line_too_long' };
    return this.#msgpack.readEvent(at, this.#draft) ?? this.#draft.commit(this.batch, arrivalMs);
  }

  /** Tries the shapes on the text at `at`; see `ShapeTree.match`. */
  #match(bytes: Buffer, view: DataView, at: number, arrivalMs: number): number {
    if (!this.batch.fits(0)) this.batch.seal();
    this.batch.reserve(0);
    return this.#shapes.match(bytes, view, at, arrivalMs);
  }

  #accept(from: number, to: number, outcome: DecodeOutcome): boolean {
    if (to - from > this.#limits.lineBytesMax) return false;
    this.#shapes.accept(to - from);
    outcome.accepted++;
    return true;
  }

  /** Judges one JSON text by `JSON.parse`, and learns its shape if it is a new one. */
  #fallBack(
    bytes: Buffer,
    from: number,
    to: number,
    line: number,
    unknown: boolean,
    arrivalMs: number,
    outcome: DecodeOutcome,
  ): void {
    const fault = this.#judge(bytes, from, to, arrivalMs);
    if (fault !== undefined) {
      outcome.reject(fault, line, bytes, from, to, this.#limits);
      return;
    }
    outcome.accepted++;
    if (unknown) this.#learner.consider(bytes, from, to);
  }

  #judge(bytes: Buffer, from: number, to: number, arrivalMs: number): Fault | undefined {
    if (to - from > this.#limits.lineBytesMax) return { code: 'line_too_long' };
    const fault = readJson(bytes, from, to, this.#draft, this.#limits);
    return fault ?? this.#draft.commit(this.batch, arrivalMs);
  }
}

const byteOrderMarkLength = (bytes: Uint8Array): number =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
