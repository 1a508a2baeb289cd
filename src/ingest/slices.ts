/** Cuts a large NDJSON body into pieces of whole lines, so that decoding it never holds up the others for long. */

const NEWLINE = 0x0a;

export interface Slice {
  readonly bytes: Uint8Array;
  /** The body's line that the slice starts with, from 0. */
  readonly lineFrom: number;
}

/** Slices have at most `bytesMax` bytes, or one line if that is longer. They are views. */
export function* slicesOf(body: Uint8Array, bytesMax: number): Generator<Slice> {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  let from = 0;
  let lineFrom = 0;
  while (from < bytes.length) {
    const to = cutBehindLine(bytes, from, bytesMax);
    const slice = bytes.subarray(from, to);
    yield { bytes: slice, lineFrom };
    if (to < bytes.length) lineFrom += lineEnds(slice);
    from = to;
  }
}

function cutBehindLine(bytes: Buffer, from: number, bytesMax: number): number {
  if (bytes.length - from <= bytesMax) return bytes.length;
  const last = bytes.lastIndexOf(NEWLINE, from + bytesMax - 1);
  if (last >= from) return last + 1;
  const next = bytes.indexOf(NEWLINE, from + bytesMax);
  return next === -1 ? bytes.length : next + 1;
}

function lineEnds(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
