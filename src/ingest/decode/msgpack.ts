/**
 * MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) straight into an `EventDraft`.
 *
 * A reader of our own, because bytes from outside decide here how much is allocated and how deep is recursed: one
 * pass finds a value's end without either, and only a value that is whole and within the limits is read. A general
 * library also knows extension types that build regular expressions and records; none of them has a place in an event.
 */
import { isUtf8 } from 'node:buffer';
import { Dictionary } from './dictionary.ts';
import type { EventDraft, Fault } from './event-draft.ts';
import { hashBytes } from './hash.ts';
import { tooDeep } from './limit-faults.ts';
import type { DecodeLimits } from './limits.ts';
import { PaddedCopy } from './padded.ts';

const MSGPACK = {
  nil: 0,
  false: 1,
  true: 2,
  uint: 3,
  int: 4,
  float: 5,
  str: 6,
  bin: 7,
  ext: 8,
  array: 9,
  map: 10,
  never: 11,
} as const;

/** Per tag byte: the type, the bytes of the length that follows the tag, and the length if none follows. */
const TYPE = new Uint8Array(256);
const LENGTH_WIDTH = new Uint8Array(256);
const FIXED_LENGTH = new Uint8Array(256);
fillTables();

const SLACK_BYTES = 8;
const TIMESTAMP_EXTENSION = 0xff; // -1
/** Distinct field names that are remembered as strings. */
const NAMES_MAX = 4096;
/** Nothing behind such bytes can be found again. */
export const NOT_WHOLE: Fault = {
  code: 'invalid_msgpack',
  detail: 'the bytes end within a value, or it has a tag that is never used',
};

export class MsgpackReader {
  readonly #limits: DecodeLimits;
  readonly #body = new PaddedCopy();
  #bytes = this.#body.bytes;
  #view = this.#body.view;
  #end = 0;
  #at = 0;
  /** Of the value whose head was read last. */
  #type = 0;
  #length = 0;
  readonly #nameBytes = new Dictionary(false);
  #names: string[] = [];

  constructor(limits: DecodeLimits) {
    this.#limits = limits;
  }

  /** Begins with a body; it is copied, because reads by word may go beyond its last value. */
  start(body: Uint8Array): void {
    this.#body.take(body, SLACK_BYTES);
    this.#bytes = this.#body.bytes;
    this.#view = this.#body.view;
    this.#end = body.length;
  }

  /**
   * End of the value at `at`, -1 if the bytes end before it or hold the tag that is never used. A hostile count
   * costs nothing: every counted value takes at least one byte that must be there.
   */
  valueEnd(at: number): number {
    const end = this.#end;
    this.#at = at;
    for (let left = 1; left > 0; left--) {
      if (this.#at >= end || !this.#head()) return -1;
      if (this.#type === MSGPACK.array) left += this.#length;
      else if (this.#type === MSGPACK.map) left += this.#length * 2;
      else this.#at += this.#length;
      if (this.#at > end) return -1;
    }
    return this.#at;
  }

  /** If an array starts at `at`: its length and where its first element is. */
  arrayAt(at: number): { readonly length: number; readonly first: number } | undefined {
    this.#at = at;
    if (!this.#head() || this.#type !== MSGPACK.array) return undefined;
    return { length: this.#length, first: this.#at };
  }

  /** Reads the whole value at `at` (see `valueEnd`) into `draft`; what stands in the way, if anything. */
  readEvent(at: number, draft: EventDraft): Fault | undefined {
    this.#at = at;
    this.#head();
    if (this.#type !== MSGPACK.map) return { code: 'not_an_object' };
    draft.start();
    return this.#flatten('', 1, draft);
  }

  /** Reads the head of the value at `#at`; false if there is none. */
  #head(): boolean {
    const tag = this.#bytes[this.#at++] as number;
    const width = LENGTH_WIDTH[tag] as number;
    this.#type = TYPE[tag] as number;
    if (this.#at + width > this.#end) return false;
    if (width === 0) this.#length = FIXED_LENGTH[tag] as number;
    else this.#length = this.#bytes.readUIntBE(this.#at, width);
    this.#at += width;
    if (this.#type === MSGPACK.ext) this.#length++; // its type byte
    if (tag < 0x80 || tag >= 0xe0) this.#at--; // the tag is the value
    return this.#type !== MSGPACK.never;
  }

  /** The entries of a map whose head has been read. */
  #flatten(prefix: string, depth: number, draft: EventDraft): Fault | undefined {
    if (depth > this.#limits.depthMax) return tooDeep(this.#limits);
    for (let left = this.#length; left > 0; left--) {
      const key = this.#key();
      if (key === undefined) return { code: 'invalid_msgpack', detail: 'a name must be a string' };
      const name = depth === 1 ? key : `${prefix}.${key}`;
      const fault = this.#field(name, depth, draft);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  #field(name: string, depth: number, draft: EventDraft): Fault | undefined {
    this.#head();
    const at = this.#at;
    const length = this.#length;
    switch (this.#type) {
      case MSGPACK.nil:
        return draft.addNull(name);
      case MSGPACK.false:
      case MSGPACK.true:
        return draft.addBoolean(name, this.#type === MSGPACK.true);
      case MSGPACK.str:
        this.#at += length;
        if (!this.#isText(at, at + length)) return { code: 'invalid_utf8', detail: name };
        return draft.addBytes(name, this.#bytes, at, at + length);
      case MSGPACK.map:
        return draft.nestedRoleFault(name) ?? this.#flatten(name, depth + 1, draft);
      case MSGPACK.array: {
        const fault = draft.nestedRoleFault(name);
        if (fault !== undefined) return fault;
        const value = this.#array(depth + 1, name);
        return Array.isArray(value) ? draft.addString(name, JSON.stringify(value)) : value;
      }
      default: {
        const value = this.#number();
        return value === undefined ? notJson(name) : draft.addNumber(name, value);
      }
    }
  }

  /** An array whose head has been read, as values that `JSON.stringify` takes, or what forbids it. */
  #array(depth: number, name: string): unknown[] | Fault {
    if (depth > this.#limits.depthMax) return tooDeep(this.#limits);
    const values: unknown[] = [];
    for (let left = this.#length; left > 0; left--) {
      const value = this.#json(depth, name);
      if (value instanceof Refused) return value.fault;
      values.push(value);
    }
    return values;
  }

  #json(depth: number, name: string): unknown {
    this.#head();
    const at = this.#at;
    switch (this.#type) {
      case MSGPACK.nil:
        return null;
      case MSGPACK.false:
      case MSGPACK.true:
        return this.#type === MSGPACK.true;
      case MSGPACK.str:
        this.#at += this.#length;
        if (!this.#isText(at, this.#at)) return new Refused({ code: 'invalid_utf8', detail: name });
        return this.#bytes.toString('utf8', at, this.#at);
      case MSGPACK.array: {
        const values = this.#array(depth + 1, name);
        return Array.isArray(values) ? values : new Refused(values);
      }
      case MSGPACK.map:
        return this.#object(depth + 1, name);
      default: {
        const value = this.#number();
        if (value === undefined) return new Refused(notJson(name));
        if (Number.isFinite(value)) return value;
        return new Refused({ code: 'number_out_of_range', detail: name });
      }
    }
  }

  #object(depth: number, name: string): unknown {
    if (depth > this.#limits.depthMax) return new Refused(tooDeep(this.#limits));
    const object = Object.create(null); // in which `__proto__` is a name like any other
    for (let left = this.#length; left > 0; left--) {
      const key = this.#key();
      if (key === undefined) return new Refused(notJson(name));
      const value = this.#json(depth, name);
      if (value instanceof Refused) return value;
      object[key] = value;
    }
    return object;
  }

  /** A scalar whose head has been read: a number, a timestamp as epoch milliseconds, else undefined. */
  #number(): number | undefined {
    const at = this.#at;
    this.#at += this.#length;
    const view = this.#view;
    switch (this.#type) {
      case MSGPACK.uint:
        if (this.#length === 8) return Number(view.getBigUint64(at));
        return this.#bytes.readUIntBE(at, this.#length);
      case MSGPACK.int:
        if (this.#length === 8) return Number(view.getBigInt64(at));
        return this.#bytes.readIntBE(at, this.#length);
      case MSGPACK.float:
        return this.#length === 4 ? view.getFloat32(at) : view.getFloat64(at);
      case MSGPACK.ext:
        return this.#bytes[at] === TIMESTAMP_EXTENSION ? this.#timestamp(at + 1) : undefined;
      default:
        return undefined;
    }
  }

  #timestamp(at: number): number | undefined {
    const view = this.#view;
    switch (this.#length - 1) {
      case 4:
        return view.getUint32(at) * 1000;
      case 8: {
        const high = view.getUint32(at);
        const seconds = (high & 3) * 2 ** 32 + view.getUint32(at + 4);
        return seconds * 1000 + Math.floor((high >>> 2) / 1e6);
      }
      case 12:
        return Number(view.getBigInt64(at + 4)) * 1000 + Math.floor(view.getUint32(at) / 1e6);
      default:
        return undefined;
    }
  }

  /** The name at `#at`, or undefined if it is not a string of valid UTF-8. */
  #key(): string | undefined {
    this.#head();
    const from = this.#at;
    this.#at += this.#length;
    if (this.#type !== MSGPACK.str) return undefined;
    if (this.#length > this.#limits.fieldNameBytesMax * 4) return this.#text(from);
    if (this.#nameBytes.count >= NAMES_MAX) {
      this.#nameBytes.clear();
      this.#names = [];
    }
    const code = this.#nameBytes.intern(
      this.#view,
      from,
      this.#at,
      hashBytes(this.#view, from, this.#at),
    );
    const known = this.#names[code];
    if (known !== undefined) return known;
    const text = this.#text(from);
    if (text !== undefined) this.#names[code] = text;
    return text;
  }

  #text(from: number): string | undefined {
    const valid = isUtf8(this.#bytes.subarray(from, this.#at));
    return valid ? this.#bytes.toString('utf8', from, this.#at) : undefined;
  }

  /** Short ASCII, the usual case, needs no native call. */
  #isText(from: number, to: number): boolean {
    if (to - from <= 64) {
      let at = from;
      while (at < to && (this.#bytes[at] as number) < 0x80) at++;
      if (at === to) return true;
    }
    return isUtf8(this.#bytes.subarray(from, to));
  }
}

/** Tells a refusal from a value while an array is read. */
class Refused {
  readonly fault: Fault;
  constructor(fault: Fault) {
    this.fault = fault;
  }
}

const notJson = (name: string): Fault => ({
  code: 'invalid_msgpack',
  detail: `binary data, extensions and names that are no strings have no form in an event ("${name}")`,
});

function fillTables(): void {
  const set = (from: number, to: number, type: number, fixed: (tag: number) => number) => {
    for (let tag = from; tag <= to; tag++) {
      TYPE[tag] = type;
      FIXED_LENGTH[tag] = fixed(tag);
    }
  };
  const sized = (tags: readonly number[], type: number, widths: readonly number[]) => {
    tags.forEach((tag, i) => {
      TYPE[tag] = type;
      LENGTH_WIDTH[tag] = widths[i] as number;
    });
  };
  set(0x00, 0x7f, MSGPACK.int, () => 1);
  set(0xe0, 0xff, MSGPACK.int, () => 1);
  set(0x80, 0x8f, MSGPACK.map, (tag) => tag & 15);
  set(0x90, 0x9f, MSGPACK.array, (tag) => tag & 15);
  set(0xa0, 0xbf, MSGPACK.str, (tag) => tag & 31);
  set(0xc0, 0xc0, MSGPACK.nil, () => 0);
  set(0xc1, 0xc1, MSGPACK.never, () => 0);
  set(0xc2, 0xc2, MSGPACK.false, () => 0);
  set(0xc3, 0xc3, MSGPACK.true, () => 0);
  sized([0xc4, 0xc5, 0xc6], MSGPACK.bin, [1, 2, 4]);
  sized([0xc7, 0xc8, 0xc9], MSGPACK.ext, [1, 2, 4]);
  set(0xca, 0xcb, MSGPACK.float, (tag) => 4 << (tag - 0xca));
  set(0xcc, 0xcf, MSGPACK.uint, (tag) => 1 << (tag - 0xcc));
  set(0xd0, 0xd3, MSGPACK.int, (tag) => 1 << (tag - 0xd0));
  set(0xd4, 0xd8, MSGPACK.ext, (tag) => 1 << (tag - 0xd4));
  sized([0xd9, 0xda, 0xdb], MSGPACK.str, [1, 2, 4]);
  sized([0xdc, 0xdd], MSGPACK.array, [2, 4]);
  sized([0xde, 0xdf], MSGPACK.map, [2, 4]);
}
