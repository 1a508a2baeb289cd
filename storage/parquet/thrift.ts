/**
 * Writes Thrift's compact protocol, in which Parquet keeps its metadata
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 */
import type { ThriftList, ThriftStruct, ThriftValue } from './thrift-tree.ts';

const WIRE = {
  true: 1,
  false: 2,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  struct: 12,
} as const;
/** Integers of 16 bits and more; those before are a byte. */
const WIRE_OF_VARINTS = 4;
const STOP = 0;
/** From here on a list's length follows its header instead of being part of it. */
const LONG_LIST = 15;

const encoder = new TextEncoder();

export class ThriftWriter {
  #bytes = new Uint8Array(1024);
  #length = 0;
  /** The id of the last field of the struct being written: ids are stored as differences. */
  #field = 0;

  /** A view, valid until the next write. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#field = 0;
  }

  bool(field: number, value: boolean): void {
    this.#header(field, value ? WIRE.true : WIRE.false);
  }

  i32(field: number, value: number): void {
    this.#header(field, WIRE.i32);
    this.#zigzag(value);
  }

  /** A count or position: not negative, below 2^52. */
  i64(field: number, value: number): void {
    this.#header(field, WIRE.i64);
    this.#zigzag(value);
  }

  /** Its id is written out: it may follow any other, in a struct that somebody else has begun. */
  i64Behind(field: number, value: number): void {
    this.#byte(WIRE.i64);
    this.#zigzag(field);
    this.#field = field;
    this.#zigzag(value);
  }

  text(field: number, value: string): void {
    this.#header(field, WIRE.binary);
    this.#text(value);
  }

  struct(field: number, write: () => void): void {
    this.#header(field, WIRE.struct);
    this.element(write);
  }

  i32List(field: number, values: readonly number[]): void {
    this.#list(field, WIRE.i32, values.length);
    for (const value of values) this.#zigzag(value);
  }

  textList(field: number, values: readonly string[]): void {
    this.#list(field, WIRE.binary, values.length);
    for (const value of values) this.#text(value);
  }

  /** `write` calls `element` once for each. */
  structList(field: number, count: number, write: () => void): void {
    this.#list(field, WIRE.struct, count);
    write();
  }

  /** A struct in a list, or one that stands alone. */
  element(write: () => void): void {
    const outer = this.#field;
    this.#field = 0;
    write();
    this.#byte(STOP);
    this.#field = outer;
  }

  /** A struct that stands alone, as it was read. */
  tree(struct: ThriftStruct): void {
    this.element(() => {
      const fields = [...struct].sort(([a], [b]) => a - b);
      for (const [field, { wire, value }] of fields) {
        this.#header(field, wire);
        if (typeof value !== 'boolean') this.#value(wire, value);
      }
    });
  }

  /** Elements that another writer wrote. */
  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #value(wire: number, value: ThriftValue): void {
    if (value instanceof Map) this.tree(value);
    else if (value instanceof Uint8Array) {
      if (wire === WIRE.double) this.append(value);
      else this.#binary(value);
    } else if (typeof value === 'object') this.#items(value);
    else if (wire >= WIRE_OF_VARINTS) this.#zigzag(Number(value));
    else this.#byte(Number(value));
  }

  #items({ wire, items }: ThriftList): void {
    this.#listHeader(wire, items.length);
    for (const item of items) this.#value(wire, item);
  }

  #header(field: number, wire: number): void {
    const delta = field - this.#field;
    if (delta < 1 || delta > 15) throw new RangeError(`field ${field} after ${this.#field}`);
    this.#byte((delta << 4) | wire);
    this.#field = field;
  }

  #list(field: number, wire: number, count: number): void {
    this.#header(field, WIRE.list);
    this.#listHeader(wire, count);
  }

  #listHeader(wire: number, count: number): void {
    if (count < LONG_LIST) {
      this.#byte((count << 4) | wire);
    } else {
      this.#byte((LONG_LIST << 4) | wire);
      this.#varint(count);
    }
  }

  #text(text: string): void {
    this.#binary(encoder.encode(text));
  }

  #binary(bytes: Uint8Array): void {
    this.#varint(bytes.length);
    this.append(bytes);
  }

  #zigzag(value: number): void {
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + more));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
