/** Reads Thrift's compact protocol (see `ThriftWriter`): what nobody asks for is passed over, whatever it is. */
import type { ThriftList, ThriftStruct, ThriftValue } from './thrift-tree.ts';

const WIRE = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  set: 10,
  map: 11,
  struct: 12,
} as const;
const LONG_LIST = 15;

const decoder = new TextDecoder();

/** By their ids, what reads the values of a struct's fields. It has to read the whole value. */
export type FieldReaders = Readonly<Record<number, () => void>>;

export class ThriftReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Answers where the struct's last byte is, which says that it ends. Throws a `RangeError` if the bytes end before it. */
  struct(fields: FieldReaders): number {
    for (let id = 0; ; ) {
      const header = this.#byte();
      if (header === 0) return this.#position - 1;
      const delta = header >> 4;
      id = delta === 0 ? this.integer() : id + delta;
      const read = fields[id];
      if (read === undefined) this.#skip(header & 0x0f);
      else read();
    }
  }

  /** All of a struct. Integers in it are exact up to 2^53. Throws a `RangeError` as `struct` does, and for a map: Parquet has none. */
  tree(): ThriftStruct {
    const fields: ThriftStruct = new Map();
    for (let id = 0; ; ) {
      const header = this.#byte();
      if (header === 0) return fields;
      const delta = header >> 4;
      id = delta === 0 ? this.integer() : id + delta;
      const wire = header & 0x0f;
      fields.set(id, { wire, value: this.#value(wire) });
    }
  }

  /** Bytes that were read. */
  get position(): number {
    return this.#position;
  }

  list(element: () => void): void {
    for (let left = this.#listHeader().count; left > 0; left--) element();
  }

  /** Of any width; exact up to 2^53. */
  integer(): number {
    const zigzag = this.#varint();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  /** A view. */
  bytes(): Uint8Array {
    return this.#view(this.#varint());
  }

  #view(length: number): Uint8Array {
    const from = this.#position;
    this.#pass(length);
    return this.#bytes.subarray(from, this.#position);
  }

  #value(wire: number): ThriftValue {
    switch (wire) {
      case WIRE.true:
      case WIRE.false:
        return wire === WIRE.true;
      case WIRE.byte:
        return this.#byte();
      case WIRE.i16:
      case WIRE.i32:
      case WIRE.i64:
        return this.integer();
      case WIRE.double:
        return this.#view(8);
      case WIRE.binary:
        return this.bytes();
      case WIRE.list:
        return this.#items();
      case WIRE.struct:
        return this.tree();
      default:
        throw new RangeError(`a value of Thrift type ${wire}`);
    }
  }

  #items(): ThriftList {
    const { count, wire } = this.#listHeader();
    const items: ThriftValue[] = [];
    // A boolean among others takes a byte.
    const of = wire === WIRE.true || wire === WIRE.false ? WIRE.byte : wire;
    while (items.length < count) items.push(this.#value(of));
    return { wire, items };
  }

  #skip(wire: number): void {
    switch (wire) {
      case WIRE.true:
      case WIRE.false:
        return;
      case WIRE.byte:
        this.#pass(1);
        return;
      case WIRE.i16:
      case WIRE.i32:
      case WIRE.i64:
        this.#varint();
        return;
      case WIRE.double:
        this.#pass(8);
        return;
      case WIRE.binary:
        this.#pass(this.#varint());
        return;
      case WIRE.list:
      case WIRE.set: {
        const { count, wire: of } = this.#listHeader();
        for (let left = count; left > 0; left--) this.#skipElement(of);
        return;
      }
      case WIRE.map: {
        const count = this.#varint();
        const wires = count === 0 ? 0 : this.#byte();
        for (let left = count; left > 0; left--) {
          this.#skipElement(wires >> 4);
          this.#skipElement(wires & 0x0f);
        }
        return;
      }
      case WIRE.struct:
        this.struct({});
        return;
      default:
        throw new RangeError(`there is no Thrift type ${wire}`);
    }
  }

  /** The value of a field that is a boolean is its type; that of an element takes a byte. */
  #skipElement(wire: number): void {
    if (wire === WIRE.true || wire === WIRE.false) this.#pass(1);
    else this.#skip(wire);
  }

  #listHeader(): { readonly count: number; readonly wire: number } {
    const header = this.#byte();
    const short = header >> 4;
    return { count: short === LONG_LIST ? this.#varint() : short, wire: header & 0x0f };
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#position];
    if (byte === undefined) throw new RangeError('the bytes end within a Thrift struct');
    this.#position += 1;
    return byte;
  }

  #pass(bytes: number): void {
    this.#position += bytes;
    if (this.#position > this.#bytes.length) {
      throw new RangeError('the bytes end within a Thrift struct');
    }
  }
}
