/** What became of one body, or of a piece of it: counts, and the rejected lines with their reasons, the first ones kept. */
import { REJECTION, type Rejection } from '../../model/errors.ts';
import type { Fault } from './event-draft.ts';
import type { DecodeLimits } from './limits.ts';

/** `raw` is a copy of the line's first bytes, for the dead letters. */
export interface RejectedLine extends Rejection {
  readonly raw: Uint8Array;
}

/** Where in a body a piece starts, and what the pieces before it leave. */
export interface BodyPlace {
  readonly byte: number;
  /** Line, element or value, in the order of the body. */
  readonly line: number;
  /** MessagePack: elements that are still to come of the array that was entered. */
  readonly elements: number;
  /** Rejections that have been kept of the body. */
  readonly kept: number;
}

export const BODY_START: BodyPlace = { byte: 0, line: 0, elements: 0, kept: 0 };

const NONE: readonly RejectedLine[] = [];

export class DecodeOutcome {
  readonly #keptBefore: number;
  /** Where the next piece starts; undefined at the end of the body. */
  rest: BodyPlace | undefined;
  accepted = 0;
  /** The time of one of the accepted events, as it was sent: a sender says all of them alike. */
  sampleMs: number | undefined;
  /** Exact, while `rejections` is bounded. */
  rejected = 0;
  #rejections: RejectedLine[] | undefined;

  constructor(from = BODY_START) {
    this.#keptBefore = from.kept;
  }

  get rejections(): readonly RejectedLine[] {
    return this.#rejections ?? NONE;
  }

  /** The piece ends here; the body does not. */
  stopAt(byte: number, line: number, elements = 0): void {
    this.rest = { byte, line, elements, kept: this.#keptBefore + this.rejections.length };
  }

  /** Counts the line `[from, to)` of `body` as refused. `line` counts from 0 in the order of the body. */
  reject(
    { code, detail }: Fault,
    line: number,
    body: Uint8Array,
    from: number,
    to: number,
    limits: DecodeLimits,
  ): void {
    this.rejected++;
    if (this.#keptBefore + this.rejections.length >= limits.rejectionsKeptMax) return;
    const message = detail === undefined ? REJECTION[code] : `${REJECTION[code]}: ${detail}`;
    const raw = Uint8Array.from(body.subarray(from, Math.min(to, from + limits.rejectedBytesMax)));
    this.#rejections ??= [];
    this.#rejections.push({ code, line, message, raw });
  }
}
