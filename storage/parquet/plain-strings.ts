/** Byte strings in Parquet's PLAIN encoding: a length of four bytes, then the bytes. */
import type { Entries } from '../../src/model/columns.ts';

const LENGTH_BYTES = 4;
const encoder = new TextEncoder();

export class PlainStrings {
  count = 0;
  #bytes = new Uint8Array(0);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** A view, valid until the next one is added. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.count = 0;
    this.#length = 0;
  }

  /** Short strings are copied by words, of which the last two may overlap. */
  add({ count, offsets, bytes }: Entries): void {
    const total = (offsets[count] as number) - (offsets[0] as number);
    this.#reserve(total + count * LENGTH_BYTES);
    const source = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const target = this.#bytes;
    const view = this.#view;
    let out = this.#length;
    for (let i = 0; i < count; i++) {
      const from = offsets[i] as number;
      const to = offsets[i + 1] as number;
      const length = to - from;
      view.setInt32(out, length, true);
      out += LENGTH_BYTES;
      if (length > 64) {
        target.set(bytes.subarray(from, to), out);
      } else if (length >= 4) {
        for (let j = 0; j < length - 4; j += 4) {
          view.setInt32(out + j, source.getInt32(from + j, true), true);
        }
        view.setInt32(out + length - 4, source.getInt32(to - 4, true), true);
      } else {
        for (let j = 0; j < length; j++) target[out + j] = bytes[from + j] as number;
      }
      out += length;
    }
    this.#length = out;
    this.count += count;
  }

  /** `bytes[from, to)`. */
  addOne(bytes: Uint8Array, from: number, to: number): void {
    const length = to - from;
    this.#reserve(LENGTH_BYTES + length);
    this.#view.setInt32(this.#length, length, true);
    const out = this.#length + LENGTH_BYTES;
    const target = this.#bytes;
    if (length > 64) target.set(bytes.subarray(from, to), out);
    else for (let i = 0; i < length; i++) target[out + i] = bytes[from + i] as number;
    this.#length = out + length;
    this.count++;
  }

  addText(text: string): void {
    const bytes = encoder.encode(text);
    this.addOne(bytes, 0, bytes.length);
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.bytes);
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
