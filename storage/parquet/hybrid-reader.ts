/** Reads what `hybrid.ts` writes: runs of one value, and packed bits, least significant first. */

/** A value and what is left of the last byte fit into 32 bits: indices into 16 million entries. */
export const READ_BITS_MAX = 24;

/**
 * Reads `count` values of `bitWidth` bits from `bytes[from, end)` and writes each plus `added` to `out`. Throws a `RangeError` if
 * they end too early.
 */
export function readHybrid(
  bytes: Uint8Array,
  from: number,
  end: number,
  bitWidth: number,
  count: number,
  out: Uint8Array | Uint32Array,
  added = 0,
): void {
  if (bitWidth > READ_BITS_MAX) throw new RangeError(`values of ${bitWidth} bits`);
  const valueBytes = (bitWidth + 7) >>> 3;
  let at = from;
  for (let done = 0; done < count; ) {
    let head = 0;
    for (let factor = 1, byte = 0x80; byte >= 0x80; factor *= 0x80) {
      if (at >= end) throw new RangeError('a run is missing');
      byte = bytes[at++] as number;
      head += (byte & 0x7f) * factor;
    }
    if (head % 2 === 1) {
      const groups = (head - 1) / 2;
      const values = Math.min(groups * 8, count - done);
      if (at + ((values * bitWidth + 7) >>> 3) > end) throw new RangeError('a run ends too early');
      unpack(bytes, at, bitWidth, values, out, done, added);
      at += groups * bitWidth;
      done += values;
    } else {
      if (at + valueBytes > end) throw new RangeError('a run has no value');
      let value = 0;
      for (let i = 0; i < valueBytes; i++) value |= (bytes[at++] as number) << (8 * i);
      const to = Math.min(count, done + head / 2);
      out.fill(value + added, done, to);
      done = to;
    }
  }
}

/** The value of all, where they are one run. */
export function onlyValue(
  bytes: Uint8Array,
  from: number,
  end: number,
  bitWidth: number,
  count: number,
): number | undefined {
  let at = from;
  let run = 0;
  for (let factor = 1, byte = 0x80; byte >= 0x80 && at < end; factor *= 0x80) {
    byte = bytes[at++] as number;
    run += (byte & 0x7f) * factor;
  }
  const isOnly = run % 2 === 0 && run / 2 >= count && bitWidth <= 8 && at < end;
  return isOnly ? (bytes[at] as number) : undefined;
}

function unpack(
  bytes: Uint8Array,
  from: number,
  bitWidth: number,
  count: number,
  out: Uint8Array | Uint32Array,
  outFrom: number,
  added: number,
): void {
  const mask = 2 ** bitWidth - 1;
  let at = from;
  let held = 0;
  let bits = 0;
  for (let i = outFrom; i < outFrom + count; i++) {
    while (bits < bitWidth) {
      held |= (bytes[at++] as number) << bits;
      bits += 8;
    }
    out[i] = (held & mask) + added;
    held >>>= bitWidth;
    bits -= bitWidth;
  }
}
