/** What became of one body: counts, and the rejected lines with their reasons, the first ones kept. */
import { REJECTION, type Rejection } from '../../model/errors.ts';
import type { Fault } from './event-draft.ts';
import type { DecodeLimits } from './limits.ts';

/** `raw` is a copy of the line's first bytes, for the dead letters. */
export interface RejectedLine extends Rejection {
  readonly raw: Uint8Array;
}

export class DecodeOutcome {
  accepted = 0;
  /** Exact, while `rejections` is bounded. */
  rejected = 0;
  readonly rejections: RejectedLine[] = [];

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
    if (this.rejections.length === limits.rejectionsKeptMax) return;
    const message = detail === undefined ? REJECTION[code] : `${REJECTION[code]}: ${detail}`;
    const raw = Uint8Array.from(body.subarray(from, Math.min(to, from + limits.rejectedBytesMax)));
    this.rejections.push({ code, line, message, raw });
  }
}
