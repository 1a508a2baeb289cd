/**
 * From the bytes of one request or frame to rows of a stream's `ColumnBatch`. Nothing here throws on what came from
 * outside: a line is accepted, or refused with a code, and its neighbours are not touched.
 */
import { ColumnBatch } from './column-batch.ts';
import { EventDraft, type Fault } from './event-draft.ts';
import { readJson } from './fallback.ts';
import { elementEnd, isWholeArray, skipSpace, skipSpaceBack } from './json-body.ts';
import type { DecodeLimits } from './limits.ts';
import { MsgpackReader, NOT_WHOLE } from './msgpack.ts';
import { DecodeOutcome } from './outcome.ts';

export type BodyForm = 'ndjson' | 'json' | 'msgpack';

const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** What the edge keeps per tenant and stream. Bodies are decoded one after the other, each at once. */
export class StreamDecoder {
  readonly batch: ColumnBatch;
  readonly #limits: DecodeLimits;
  readonly #draft: EventDraft;
  readonly #msgpack: MsgpackReader;

  /** For `onFull` see `ColumnBatch`: it may be called while a body is being decoded, between two of its rows. */
  constructor(limits: DecodeLimits, onFull: (batch: ColumnBatch) => void) {
    this.batch = new ColumnBatch(limits, onFull);
    this.#limits = limits;
    this.#draft = new EventDraft(limits);
    this.#msgpack = new MsgpackReader(limits);
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

  #lines(bytes: Buffer, arrivalMs: number, outcome: DecodeOutcome): void {
    let at = byteOrderMarkLength(bytes);
    for (let line = 0; at < bytes.length; line++) {
      const newline = bytes.indexOf(NEWLINE, at);
      const next = newline === -1 ? bytes.length : newline;
      const end = next > at && bytes[next - 1] === CARRIAGE_RETURN ? next - 1 : next;
      if (end > at) this.#event(bytes, at, end, line, arrivalMs, outcome);
      at = next + 1;
    }
  }

  #document(bytes: Buffer, arrivalMs: number, outcome: DecodeOutcome): void {
    const start = skipSpace(bytes, byteOrderMarkLength(bytes), bytes.length);
    const end = skipSpaceBack(bytes, start, bytes.length);
    if (start === end) return;
    if (bytes[start] !== 0x5b) {
      this.#event(bytes, start, end, 0, arrivalMs, outcome);
      return;
    }
    if (!isWholeArray(bytes, start, end)) {
      const detail = 'the array is not closed, or something follows it';
      outcome.reject({ code: 'invalid_json', detail }, 0, bytes, start, end, this.#limits);
      return;
    }
    let at = skipSpace(bytes, start + 1, end);
    if (at === end - 1) return;
    for (let element = 0; at < end; element++) {
      const comma = elementEnd(bytes, at, end);
      const to = skipSpaceBack(bytes, at, comma);
      this.#event(bytes, at, to, element, arrivalMs, outcome);
      at = skipSpace(bytes, comma + 1, end);
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

  /** One JSON text. */
  #event(
    bytes: Buffer,
    from: number,
    to: number,
    line: number,
    arrivalMs: number,
    outcome: DecodeOutcome,
  ): void {
    const fault = this.#judge(bytes, from, to, arrivalMs);
    if (fault === undefined) outcome.accepted++;
    else outcome.reject(fault, line, bytes, from, to, this.#limits);
  }

  #judge(bytes: Buffer, from: number, to: number, arrivalMs: number): Fault | undefined {
    if (to - from > this.#limits.lineBytesMax) return { code: 'line_too_long' };
    const fault = readJson(bytes, from, to, this.#draft, this.#limits);
    return fault ?? this.#draft.commit(this.batch, arrivalMs);
  }
}

const byteOrderMarkLength = (bytes: Uint8Array): number =>
  bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
