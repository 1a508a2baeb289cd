/**
 * Parquet's hybrid of run-length encoding and bit-packing, of levels and of indices into dictionaries
 * (parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)").
 */

/** A run: varint of `count << 1`, then the value in as many whole bytes as the width needs. */
export function repeated(value: number, count: number, bitWidth: number): Uint8Array {
  const bytes = varint(count * 2);
  for (let bit = 0; bit < bitWidth; bit += 8) bytes.push((value >>> bit) & 0xff);
  return Uint8Array.from(bytes);
}

/** What stands before `packedLength(count)` values that are packed: varint of `groups of eight << 1 | 1`. */
export function packedHead(count: number): Uint8Array {
  return Uint8Array.from(varint(Math.ceil(count / 8) * 2 + 1));
}

/** Values come in groups of eight; the last one is filled up. */
export const packedLength = (count: number): number => Math.ceil(count / 8) * 8;

/**
 * Levels of a data page, as parts that lie one behind the other: their length in four bytes, then one run if they are all
 * the same, else packed bits. `levels[i]` is below `2 ** bitWidth`, the width 1 or 2.
 */
export function levelParts(levels: Uint8Array, count: number, bitWidth: 1 | 2): Uint8Array[] {
  const first = levels[0] ?? 0;
  let same = 1;
  while (same < count && levels[same] === first) same++;
  return same >= count
    ? sized([repeated(first, count, bitWidth)])
    : sized([packedHead(count), packBits(levels, count, bitWidth)]);
}

/** The same for levels that are known to be all the same. */
export const constantLevels = (level: number, count: number, bitWidth: 1 | 2): Uint8Array[] =>
  sized([repeated(level, count, bitWidth)]);

/** Least significant bits first (the order of booleans, too). */
export function packBits(values: Uint8Array, count: number, bitWidth: 1 | 2): Uint8Array {
  const perByte = 8 / bitWidth;
  const bytes = new Uint8Array((packedLength(count) * bitWidth) / 8);
  const whole = Math.floor(count / perByte);
  let from = 0;
  for (let i = 0; i < whole; i++) {
    let byte = 0;
    for (let bit = 0; bit < 8; bit += bitWidth) byte |= (values[from++] as number) << bit;
    bytes[i] = byte;
  }
  for (let bit = 0; from < count; bit += bitWidth) {
    bytes[whole] = (bytes[whole] as number) | ((values[from++] as number) << bit);
  }
  return bytes;
}

function sized(parts: Uint8Array[]): Uint8Array[] {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = new Uint8Array(4);
  new DataView(head.buffer).setUint32(0, length, true);
  return [head, ...parts];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  return bytes;
}
