/**
 * From the bytes of one request or frame to rows of a stream's `ColumnBatch`. Nothing here throws on what came from
 * outside: a line is accepted, or refused with a code, and its neighbours are not touched.
 */

import { isUtf8 } from 'node:buffer';
import { viewOf } from '../../model/view-of.ts';
import { ColumnBatch } from './column-batch.ts';
import { EventDraft, type Fault, type FieldNames } from './event-draft.ts';
import type { EventTimes } from './event-times.ts';
import { readJson } from './fallback.ts';
import type { Given } from './given.ts';
import { elementEnd, isWholeArray, skipSpace, skipSpaceBack } from './json-body.ts';
import { ShapeLearner } from './learner.ts';
import { lineTooLong } from './limit-faults.ts';
import type { DecodeLimits } from './limits.ts';
import { MsgpackReader, NOT_WHOLE } from './msgpack.ts';
import { BODY_START, type BodyPlace, DecodeOutcome } from './outcome.ts';
import { PaddedCopy, type Text } from './padded.ts';
import { NOT_PLAIN, ShapeTree, SLACK_BYTES, UNKNOWN } from './shape.ts';

export type BodyForm = 'ndjson' | 'json' | 'msgpack';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const COMMA = 0x2c;

/** What the edge keeps per tenant and stream. Bodies are decoded one after the other, each at once. */
export class StreamDecoder {
  readonly batch: ColumnBatch;
  /** Of the body that is decoded next; undefined: whatever its events say. */
  times: EventTimes | undefined;
  readonly #limits: DecodeLimits;
  readonly #draft: EventDraft;
  readonly #msgpack: MsgpackReader;
  readonly #shapes: ShapeTree;
  readonly #learner: ShapeLearner;
  readonly #padded = new PaddedCopy();
  /** Of the piece that is being decoded: when it came, what became of it, and whether all of it is valid UTF-8. */
  #arrivalMs = 0;
  #given: Given | undefined;
  #outcome = new DecodeOutcome();
  /** Its next line, and the one that it ends before. */
  #line = 0;
  #lineMax = 0;
  #plain = false;

  /**
   * For `onFull` see `ColumnBatch`: it may be called while a body is being decoded, between two of its rows. A field in
   * `renamed` is read as if it had the other name.
   */
  constructor(limits: DecodeLimits, onFull: (batch: ColumnBatch) => void, renamed?: FieldNames) {
    this.batch = new ColumnBatch(limits, onFull);
    this.#limits = limits;
    this.#draft = new EventDraft(limits, renamed);
    this.#msgpack = new MsgpackReader(limits);
    this.#shapes = new ShapeTree(this.batch);
    this.#learner = new ShapeLearner(this.#shapes, renamed);
  }

  /**
   * Appends the events of `body` to the batch; `arrivalMs` is the time of those that have none.
   *
   * - `ndjson`: one event per line; empty lines are counted as lines, not as events.
   * - `json`: one event, or an array of them. Each element is judged by itself; if the array itself is broken
   *   (a bracket or string that does not end), the whole body is refused as its line 0.
   * - `msgpack`: events one after the other, and arrays of events. After broken bytes nothing more can be found.
   *
   * A long body is decoded in pieces, so that others are served in between: this call decodes the piece that starts
   * at `from`, and the outcome's `rest` is where the next one does. Other bodies may be decoded between them.
   *
   * What is `given` fills in what events do not say; whoever gives once gives always, because lines without a type are
   * learned then.
   */
  decode(
    form: BodyForm,
    body: Uint8Array,
    arrivalMs: number,
    from: BodyPlace = BODY_START,
    given?: Given,
  ): DecodeOutcome {
    this.#outcome = new DecodeOutcome(from);
    this.#arrivalMs = arrivalMs;
    this.#given = given;
    this.#line = from.line;
    this.#lineMax = from.line + this.#limits.pieceLinesMax;
    const bytes =
      body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    if (form === 'ndjson') this.#lines(bytes, from);
    else if (form === 'json') this.#document(bytes, from);
    else this.#values(bytes, from);
    return this.#outcome;
  }

  #lines(body: Buffer, from: BodyPlace): void {
    const pieceEnd = behindLine(body, from.byte, this.#limits.pieceBytesMax);
    const isWhole = from.byte === 0 && pieceEnd === body.length;
    const bytes = isWhole ? body : body.subarray(from.byte, pieceEnd);
    this.#plain = isUtf8(bytes);
    const start = from.byte === 0 ? byteOrderMarkLength(bytes) : 0;
    // The lines that have slack behind them are read where they are, the last ones in a copy.
    const newline = bytes.length > SLACK_BYTES ? bytes.lastIndexOf(NEWLINE, -SLACK_BYTES - 1) : -1;
    const split = Math.max(newline + 1, start);
    let end = split > start ? this.#linesOf({ bytes, view: viewOf(bytes) }, start, split) : start;
    if (end === split) {
      const tail = this.#padded.take(split === 0 ? bytes : bytes.subarray(split), SLACK_BYTES);
      end += this.#linesOf(tail, 0, bytes.length - split);
    }
    if (from.byte + end < body.length) this.#outcome.stopAt(from.byte + end, this.#line);
  }

  /** The lines in `[from, to)`, as many as the piece may have; answers where it stopped. */
  #linesOf(text: Text, from: number, to: number): number {
    const { bytes } = text;
    let line = this.#line;
    let at = from;
    for (; at < to && !this.#isPieceOver(line); line++) {
      const stop = this.#match(text, at);
      if (stop >= 0) {
        const after = bytes[stop] === CARRIAGE_RETURN ? stop + 1 : stop;
        if ((after >= to || bytes[after] === NEWLINE) && this.#accept(at, stop, line)) {
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
    this.#line = line;
    return Math.min(at, to);
  }

  #document(body: Buffer, from: BodyPlace): void {
    const isStart = from.byte === 0;
    const start = isStart ? skipSpace(body, byteOrderMarkLength(body), body.length) : from.byte;
    const rest = start === 0 ? body : body.subarray(start);
    this.#plain = isUtf8(rest);
    const end = skipSpaceBack(body, start, body.length) - start;
    if (end === 0) return;
    const text = this.#padded.take(rest, SLACK_BYTES);
    const { bytes } = text;
    const array = !isStart || bytes[0] === 0x5b;
    if (isStart && array && !isWholeArray(text, 0, end)) {
      const detail = 'the array is not closed, or something follows it';
      this.#outcome.reject({ code: 'invalid_json', detail }, 0, bytes, 0, end, this.#limits);
      return;
    }
    const last = array ? end - 1 : end;
    let at = isStart && array ? skipSpace(bytes, 1, last) : 0;
    if (isStart && at === last) return;
    for (let element = from.line; at <= last; element++) {
      if (this.#isPieceOver(element)) {
        this.#outcome.stopAt(start + at, element);
        return;
      }
      const stop = this.#match(text, at);
      if (stop >= 0) {
        const after = skipSpace(bytes, stop, last);
        const ends = after === last || (array && bytes[after] === COMMA);
        if (ends && this.#accept(at, stop, element)) {
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

  #values(body: Buffer, from: BodyPlace): void {
    const bytes = body.subarray(from.byte);
    this.#msgpack.start(bytes);
    let at = 0;
    let { line, elements } = from;
    // Arrays count too: they may be empty.
    for (let heads = line; at < bytes.length || elements > 0; heads++) {
      if (this.#isPieceOver(heads)) {
        this.#outcome.stopAt(from.byte + at, line, elements);
        return;
      }
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
      const fault = this.#judgeValue(at, end, line);
      if (fault === undefined) this.#outcome.accepted++;
      else this.#outcome.reject(fault, line, bytes, at, end, this.#limits);
      at = end;
      line++;
    }
  }

  #isPieceOver(line: number): boolean {
    return line >= this.#lineMax || this.#outcome.rejected >= this.#limits.pieceRejectionsMax;
  }

  #judgeValue(at: number, end: number, line: number): Fault | undefined {
    if (end - at > this.#limits.lineBytesMax) return lineTooLong(end - at, this.#limits);
    return this.#msgpack.readEvent(at, this.#draft) ?? this.#commit(line);
  }

  /** Tries the shapes on the text at `at`; see `ShapeTree.match`. */
  #match({ bytes, view }: Text, at: number): number {
    if (!this.#plain) return NOT_PLAIN;
    if (!this.batch.fits(0)) this.batch.seal();
    this.batch.reserve(0);
    return this.#shapes.match(bytes, view, at, this.#arrivalMs);
  }

  #accept(from: number, to: number, line: number): boolean {
    if (to - from > this.#limits.lineBytesMax) return false;
    // The fallback says why.
    if (this.times?.refusal(this.#shapes.tsMs) !== undefined) return false;
    let bytes = to - from;
    const given = this.#given;
    if (given !== undefined) {
      given.atLine(line);
      if (!this.#shapes.fill(given)) return false;
      bytes += given.bytes;
    }
    this.#shapes.accept(bytes);
    this.#outcome.accepted++;
    return true;
  }

  /** Judges one JSON text by `JSON.parse`, and learns its shape if it is an unknown one. */
  #fallBack(text: Text, from: number, to: number, line: number, unknown: boolean): void {
    const fault = this.#judge(text.bytes, from, to, line);
    if (fault !== undefined) {
      this.#outcome.reject(fault, line, text.bytes, from, to, this.#limits);
      return;
    }
    this.#outcome.accepted++;
    if (unknown) this.#learner.consider(text, from, to);
  }

  #judge(bytes: Buffer, from: number, to: number, line: number): Fault | undefined {
    if (to - from > this.#limits.lineBytesMax) return lineTooLong(to - from, this.#limits);
    return readJson(bytes, from, to, this.#draft, this.#limits) ?? this.#commit(line);
  }

  #commit(line: number): Fault | undefined {
    this.#given?.atLine(line);
    return this.#draft.commit(this.batch, this.#arrivalMs, this.#given, this.times);
  }
}

/** At most `bytesMax` behind `from`, behind the end of a line or of the body; one line may be longer. */
function behindLine(bytes: Buffer, from: number, bytesMax: number): number {
  if (bytes.length - from <= bytesMax) return bytes.length;
  const last = bytes.lastIndexOf(NEWLINE, from + bytesMax - 1);
  if (last >= from) return last + 1;
  const next = bytes.indexOf(NEWLINE, from + bytesMax);
  return next === -1 ? bytes.length : next + 1;
}

const byteOrderMarkLength = (bytes: Uint8Array): number =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
