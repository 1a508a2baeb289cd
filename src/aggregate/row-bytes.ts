/** The bytes that stored rows are made of: varints, and columns of one fixed width. Little-endian. */
import { AppError } from '../model/errors.ts';

export const corruptRow = (what: string): AppError =>
  new AppError('state_corrupt', `a rollup row cannot be read: ${what}`);

/** Bytes per value of a column; 8 means a double, 0 that the column is not there. */
export type ColumnWidth = 0 | 1 | 2 | 4 | 8;

/** The narrowest width that holds all of them exactly. */
export function widthOf(values: Float64Array, count: number): 1 | 2 | 4 | 8 {
  let max = 0;
  for (let i = 0; i < count; i++) {
    const value = values[i] as number;
    if (value >>> 0 !== value) return 8;
    if (value > max) max = value;
  }
  return max < 0x100 ? 1 : max < 0x10000 ? 2 : 4;
}

export const VARINT_BYTES_MAX = 8;

/** As `ByteWriter.varint`, where there is room for sure; answers where the next byte goes. For loops over many. */
export function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x80000000) {
    bytes[next++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    bytes[next++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[next++] = rest;
  return next;
}

/** Grows as needed and is reused: a finished row is copied out of it once. */
export class ByteWriter {
  at = 0;
  bytes = new Uint8Array(4096);
  #view = new DataView(this.bytes.buffer);

  reserve(more: number): void {
    if (this.at + more <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.at + more));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** Writes over a byte that was reserved before. `bytes` must not be indexed for that: a write may have replaced it. */
  setU8(at: number, value: number): void {
    this.bytes[at] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    this.#view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.#view.setUint32(this.at, value, true);
    this.at += 4;
  }

  f64(value: number): void {
    this.reserve(8);
    this.#view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  blob(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** An integer from 0 to 2^53 - 1, seven bits a byte, low bits first. */
  varint(value: number): void {
    this.reserve(VARINT_BYTES_MAX);
    this.at = putVarint(this.bytes, this.at, value);
  }

  column(values: Float64Array, count: number, width: ColumnWidth): void {
    this.reserve(count * width);
    const view = this.#view;
    let at = this.at;
    if (width === 1) {
      for (let i = 0; i < count; i++) this.bytes[at++] = values[i] as number;
    } else if (width === 2) {
      for (let i = 0; i < count; i++, at += 2) view.setUint16(at, values[i] as number, true);
    } else if (width === 4) {
      for (let i = 0; i < count; i++, at += 4) view.setUint32(at, values[i] as number, true);
    } else if (width === 8) {
      for (let i = 0; i < count; i++, at += 8) view.setFloat64(at, values[i] as number, true);
    }
    this.at = at;
  }

  /** Moves over what another writer wrote since its last `take`. */
  append(other: ByteWriter): void {
    this.reserve(other.at);
    this.bytes.set(other.bytes.subarray(0, other.at), this.at);
    this.at += other.at;
    other.at = 0;
  }

  /** A copy of what was written since the last `take`. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.bytes.slice(0, this.at);
    this.at = 0;
    return taken;
  }
}

/** A cursor that throws `state_corrupt` instead of reading past the end. */
export class ByteReader {
  at = 0;
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.bytes[this.#take(1)] as number;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  varint(): number {
    const bytes = this.bytes;
    let byte = bytes[this.at++];
    if (byte === undefined) throw corruptRow('a number reaches beyond its end');
    if (byte < 0x80) return byte;
    let value = byte & 0x7f;
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.at++];
      if (byte === undefined || scale > 2 ** 49)
        throw corruptRow('a number reaches beyond its end');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  /** Moves over `count` values of `width` bytes and answers where they start. */
  skip(count: number, width: number): number {
    return this.#take(count * width);
  }

  /** Reads `count` values that start at `start`. */
  column(start: number, count: number, width: number, out: Float64Array): void {
    const { bytes } = this;
    const view = this.#view;
    let at = start;
    if (width === 1) {
      for (let i = 0; i < count; i++) out[i] = bytes[at++] as number;
    } else if (width === 2) {
      for (let i = 0; i < count; i++, at += 2) {
        out[i] = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
      }
    } else if (width === 4) {
      for (let i = 0; i < count; i++, at += 4) out[i] = view.getUint32(at, true);
    } else if (width === 8) {
      for (let i = 0; i < count; i++, at += 8) out[i] = view.getFloat64(at, true);
    } else {
      throw corruptRow(`a column cannot be ${width} bytes wide`);
    }
  }

  #take(length: number): number {
    const from = this.at;
    this.at = from + length;
    if (this.at > this.bytes.length) throw corruptRow('a column reaches beyond its end');
    return from;
  }
}
