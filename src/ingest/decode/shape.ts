/**
 * The shape-speculative path. Lines of one program have the same keys in the same order, so the bytes between their
 * values repeat. They are kept as a tree: an edge is such a literal, the node it leads to is the value that follows,
 * so lines that differ only from some key on share the way up to there, whatever order they come in.
 *
 *                      ,"url":  -> (url) -- } -> end
 *     {"type": -> (type)
 *                      ,"code": -> (code) -- ,"ok": -> (ok) -- } -> end
 *
 * A line that runs from the root to an end has the structure of a line that the fallback accepted; its values
 * are checked here. What is not plain (an exponent, more than 15 digits, an array, a value over a limit) is
 * left to the fallback. Nested objects cost nothing: their braces are part of the literals.
 */
import { BOOLEAN } from '../../model/columns.ts';
import { EPOCH_MS_MAX } from '../../model/units.ts';
import { type ColumnBatch, SLOT, type Slot } from './column-batch.ts';
import { EscapedString } from './escaped.ts';
import type { Given } from './given.ts';
import { hashBlock, hashBytes, hashFinish, NO_PARTITION_HASH, placeableHash } from './hash.ts';
import { parseRfc3339 } from './rfc3339.ts';

/** Longer literals (of names near their limit, within objects) are not learned. */
const LITERAL_LENGTH_MAX = 256;
/** Bytes that must be readable behind a line: a literal is looked for at its end before all of it is compared. */
export const SLACK_BYTES = LITERAL_LENGTH_MAX + 8;

/** No such line was seen: it may be worth learning. */
export const UNKNOWN = -1;
/** The structure is known, a value is not plain: learning the line would not help. */
export const NOT_PLAIN = -2;

/** Literals of one tree, and their bytes. Programs beyond that are decoded by the fallback. */
const EDGES_MAX = 4096;
const LITERAL_BYTES_MAX = 256 * 1024;
/** Ways to go on from one place; they are tried one after the other. */
const SIBLINGS_MAX = 16;
/** Up to 15 digits a decimal is the exact quotient of two doubles (Clinger 1990), as `JSON.parse` would round it. */
const DIGITS_MAX = 15;
const POWERS_OF_TEN = Float64Array.from({ length: DIGITS_MAX + 1 }, (_, i) => 10 ** i);

const ALSE = 0x65736c61;
const TRUE = 0x65757274;
const NULL = 0x6c6c756e;

/**
 * A literal, and the value that follows it; without a slot nothing follows and the line ends.
 *
 * Literals are compared by words: the first (of which only `mask` counts if the literal is shorter), the last, which may
 * overlap it, then what lies between. The first three are fields, because most literals have no more.
 */
class Edge {
  readonly length: number;
  readonly mask: number;
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly last: number;
  readonly literal: DataView;
  readonly slot: Slot | undefined;
  readonly parent: Edge | undefined;
  /** Another way to go on from the same place; never longer than this one, so that no prefix hides it. */
  next: Edge | undefined = undefined;
  /** The first way to go on from the value. */
  child: Edge | undefined = undefined;

  constructor(literal: Uint8Array, slot: Slot | undefined, parent: Edge | undefined) {
    this.length = literal.length;
    this.mask = literal.length < 4 ? (1 << (literal.length << 3)) - 1 : -1;
    const bytes = new Uint8Array(literal.length + 12);
    bytes.set(literal);
    const view = new DataView(bytes.buffer);
    this.first = view.getInt32(0, true);
    this.second = view.getInt32(4, true);
    this.third = view.getInt32(8, true);
    this.last = view.getInt32(Math.max(0, literal.length - 4), true);
    this.literal = view;
    this.slot = slot;
    this.parent = parent;
  }
}

/** A line's structure in order: the literal `[from, to)` before each value, and the value's name; none at the end. */
export interface ShapeStep {
  readonly from: number;
  readonly to: number;
  readonly name: string | undefined;
}

export class ShapeTree {
  readonly #batch: ColumnBatch;
  #generation: number;
  readonly #root = new Edge(new Uint8Array(0), undefined, undefined);
  #edges = 0;
  #literalBytes = 0;
  /** Where the line that was matched ended. */
  #matched: Edge = this.#root;
  #escaped: EscapedString | undefined;
  #tsMs = 0;
  #partitionHash = 0;

  constructor(batch: ColumnBatch) {
    this.#batch = batch;
    this.#generation = batch.generation;
  }

  /**
   * Reads the line at `from` into the row in the making, for which memory has been reserved. Answers where the line
   * ends, and `accept` or `abandon` must follow; or `UNKNOWN` or `NOT_PLAIN`, and nothing was written.
   *
   * The text must be valid UTF-8 and have `SLACK_BYTES` behind the line, which may not continue it: no
   * value goes past a line feed or NUL, and no literal holds one.
   */
  match(bytes: Uint8Array, view: DataView, from: number, arrivalMs: number): number {
    const batch = this.#batch;
    if (this.#generation !== batch.generation) this.forget();
    const row = batch.rows;
    const valueBytesMax = batch.limits.valueBytesMax;
    let tsMs = arrivalMs;
    let keyHash: number = NO_PARTITION_HASH;
    let userHash: number = NO_PARTITION_HASH;
    let idHash: number = NO_PARTITION_HASH;
    let at = from;
    let matched = this.#root;

    for (;;) {
      // The literal.
      let edge = matched.child;
      for (; edge !== undefined; edge = edge.next) {
        if (((view.getInt32(at, true) ^ edge.first) & edge.mask) !== 0) continue;
        const last = at + edge.length - 4;
        if (last <= at) break;
        if (view.getInt32(last, true) !== edge.last) continue;
        if (last <= at + 4) break;
        if (view.getInt32(at + 4, true) !== edge.second) continue;
        if (last <= at + 8) break;
        if (view.getInt32(at + 8, true) !== edge.third) continue;
        let place = 12;
        const literal = edge.literal;
        while (
          at + place < last &&
          view.getInt32(at + place, true) === literal.getInt32(place, true)
        ) {
          place += 4;
        }
        if (at + place >= last) break;
      }
      if (edge === undefined) return this.#giveUp(matched, UNKNOWN);
      at += edge.length;
      matched = edge;
      const slot = edge.slot;
      if (slot === undefined) break;

      // The value.
      const first = bytes[at] as number;
      const role = slot.role;
      if (first === 0x22) {
        let source = view;
        let start = at + 1;
        let end = scanString(view, start);
        let hash = scannedHash;
        at = end + 1;
        const stopped = bytes[end];
        if (stopped !== 0x22) {
          const close =
            stopped === 0x5c && role !== SLOT.ts ? this.#escapes().read(bytes, start) : -1;
          if (close === -1) return this.#giveUp(matched, NOT_PLAIN);
          source = this.#escapes().view;
          start = 0;
          end = this.#escapes().length;
          hash = hashBytes(source, 0, end);
          at = close + 1;
        }
        if (end - start > valueBytesMax) return this.#giveUp(matched, NOT_PLAIN);
        if (role !== SLOT.field) {
          if (role === SLOT.ts) {
            tsMs = parseRfc3339(bytes, start, end);
            if (!(tsMs >= 0 && tsMs <= EPOCH_MS_MAX)) return this.#giveUp(matched, NOT_PLAIN);
            continue;
          }
          const key = start === end ? NO_PARTITION_HASH : placeableHash(hash);
          if (role === SLOT.user) userHash = key;
          else if (role === SLOT.key) keyHash = key;
          else if (key === NO_PARTITION_HASH) return this.#giveUp(matched, NOT_PLAIN);
          else if (role === SLOT.id) idHash = key;
        }
        const column = slot.strings;
        if (column === undefined) return this.#giveUp(matched, NOT_PLAIN);
        column.codes[row] = column.entries.intern(source, start, end, hash);
      } else if (first === 0x2d || (first >= 0x30 && first <= 0x39)) {
        const start = at;
        if (first === 0x2d) at++;
        const digitsAt = at;
        let value = 0;
        // Four digits at a time; then the last ones, moved up so that zeros stand before them.
        for (;;) {
          const word = view.getInt32(at, true);
          const digits = word - 0x30303030;
          const others = ((word + 0x46464646) | digits) & 0x80808080; // bytes outside of '0'..'9'
          const count = others === 0 ? 4 : (31 - Math.clz32(others & -others)) >> 3;
          if (count > 0) {
            const four = digits << (32 - (count << 3));
            const pairs = (Math.imul(four, 10) + (four >>> 8)) & 0x00ff00ff;
            value =
              value * (POWERS_OF_TEN[count] as number) + (pairs & 0xff) * 100 + (pairs >>> 16);
            at += count;
          }
          if (count < 4) break;
          if (at - digitsAt > DIGITS_MAX) return this.#giveUp(matched, NOT_PLAIN);
        }
        let digit = (bytes[at] as number) - 0x30;
        let digitCount = at - digitsAt;
        const leadingZero = bytes[digitsAt] === 0x30 && digitCount > 1;
        if (digitCount === 0 || leadingZero) return this.#giveUp(matched, NOT_PLAIN);
        const whole = digit !== -2; // no '.'
        if (!whole) {
          const fractionAt = ++at;
          digit = (bytes[at] as number) - 0x30;
          while (digit >= 0 && digit <= 9 && digitCount <= DIGITS_MAX) {
            value = value * 10 + digit;
            digit = (bytes[++at] as number) - 0x30;
            digitCount++;
          }
          if (at === fractionAt || digitCount > DIGITS_MAX) return this.#giveUp(matched, NOT_PLAIN);
          value /= POWERS_OF_TEN[at - fractionAt] as number;
        }
        if (digitCount > DIGITS_MAX || ((bytes[at] as number) | 0x20) === 0x65) {
          return this.#giveUp(matched, NOT_PLAIN);
        }
        if (first === 0x2d) value = -value;
        if (role !== SLOT.field) {
          if (role === SLOT.ts) {
            tsMs = Math.floor(value) + 0;
            if (!(tsMs >= 0 && tsMs <= EPOCH_MS_MAX)) return this.#giveUp(matched, NOT_PLAIN);
            continue;
          }
          // A number stands for its decimal text, which a whole one (but for -0) is written as.
          const canonical = whole && (value !== 0 || first !== 0x2d);
          if (role !== SLOT.user || !canonical) return this.#giveUp(matched, NOT_PLAIN);
          userHash = placeableHash(hashBytes(view, start, at));
        }
        const column = slot.numbers;
        if (column === undefined) return this.#giveUp(matched, NOT_PLAIN);
        column.values[row] = value;
      } else {
        const word = view.getInt32(at, true);
        if (word === NULL) {
          if (role === SLOT.type) return this.#giveUp(matched, NOT_PLAIN);
          at += 4;
          continue;
        }
        const column = slot.booleans;
        const known = column !== undefined && (role === SLOT.field || role === SLOT.user);
        if (!known) return this.#giveUp(matched, NOT_PLAIN);
        if (word === TRUE) {
          column.values[row] = BOOLEAN.true;
          at += 4;
        } else if (first === 0x66 && view.getInt32(at + 1, true) === ALSE) {
          column.values[row] = BOOLEAN.false;
          at += 5;
        } else return this.#giveUp(matched, NOT_PLAIN);
      }
    }
    this.#matched = matched;
    this.#tsMs = tsMs;
    this.#partitionHash = keyHash || userHash || idHash;
    return at;
  }

  /**
   * Fills in what the line that was matched does not say. False, and nothing was written: it has no type, or a column that
   * is not there yet is needed, which the fallback makes.
   */
  fill(given: Given): boolean {
    const batch = this.#batch;
    const { rows } = batch;
    const ids = batch.find('id')?.strings;
    const keys = batch.find('key')?.strings;
    const types = batch.find('type')?.strings;
    if (ids === undefined || types === undefined) return false;
    const isTyped = types.codes[rows] !== 0;
    if (!isTyped && given.type.isEmpty) return false;
    const isKeyed = given.key.isEmpty || (keys !== undefined && keys.codes[rows] !== 0);
    if (!isKeyed && keys === undefined) return false;
    if (!isTyped) {
      const { view, length, hash } = given.type;
      types.codes[rows] = types.entries.intern(view, 0, length, hash);
    }
    if (keys !== undefined && !isKeyed) {
      const { view, length, hash } = given.key;
      keys.codes[rows] = keys.entries.intern(view, 0, length, hash);
      this.#partitionHash = placeableHash(hash);
    }
    if (ids.codes[rows] === 0) {
      const { view, length, hash } = given.id;
      ids.codes[rows] = ids.entries.intern(view, 0, length, hash);
      this.#partitionHash ||= placeableHash(hash);
    }
    return true;
  }

  /** Of the line that was matched. */
  get tsMs(): number {
    return this.#tsMs;
  }

  /** Makes a row of the line that was matched; `bytes` is its length. */
  accept(bytes: number): void {
    this.#batch.commitRow(this.#tsMs, this.#partitionHash, bytes);
  }

  /** Takes back what was matched, because something else than the end of the line follows. */
  abandon(): void {
    this.#clear(this.#matched);
  }

  /** Adds a line that the fallback has accepted; false if nothing was new or there is no room. */
  learn(bytes: Uint8Array, steps: readonly ShapeStep[]): boolean {
    if (this.#generation !== this.#batch.generation) this.forget();
    let parent = this.#root;
    let added = false;
    for (const step of steps) {
      let edge = parent.child;
      let siblings = 0;
      while (edge !== undefined && !this.#isEdgeOf(edge, bytes, step)) {
        edge = edge.next;
        siblings++;
      }
      if (edge === undefined) {
        const bytesLeft = LITERAL_BYTES_MAX - this.#literalBytes;
        const length = step.to - step.from;
        const full = this.#edges >= EDGES_MAX || length > Math.min(bytesLeft, LITERAL_LENGTH_MAX);
        if (full || siblings >= SIBLINGS_MAX) return added;
        edge = this.#addEdge(parent, bytes, step);
        added = true;
      }
      parent = edge;
    }
    return added;
  }

  /** Empties the tree. */
  forget(): void {
    this.#generation = this.#batch.generation;
    this.#root.child = undefined;
    this.#matched = this.#root;
    this.#edges = 0;
    this.#literalBytes = 0;
  }

  /** Made when it is needed: most streams escape nothing, and it holds a longest value. */
  #escapes(): EscapedString {
    this.#escaped ??= new EscapedString(this.#batch.limits.valueBytesMax);
    return this.#escaped;
  }

  #giveUp(matched: Edge, reason: number): number {
    this.#clear(matched);
    return reason;
  }

  /** Clears the cells of the way from the root to `edge`. */
  #clear(edge: Edge): void {
    for (let at: Edge | undefined = edge; at !== undefined; at = at.parent) {
      if (at.slot !== undefined) this.#batch.clearCell(at.slot);
    }
  }

  #isEdgeOf(edge: Edge, bytes: Uint8Array, { from, to, name }: ShapeStep): boolean {
    if (edge.length !== to - from || edge.slot?.name !== name) return false;
    for (let i = from; i < to; i++) {
      if (bytes[i] !== edge.literal.getUint8(i - from)) return false;
    }
    return true;
  }

  #addEdge(parent: Edge, bytes: Uint8Array, { from, to, name }: ShapeStep): Edge {
    const slot = name === undefined ? undefined : this.#batch.slot(name);
    const edge = new Edge(bytes.subarray(from, to), slot, parent);
    this.#edges++;
    this.#literalBytes += edge.length;
    let before: Edge | undefined;
    let after = parent.child;
    while (after !== undefined && after.length >= edge.length) {
      before = after;
      after = after.next;
    }
    edge.next = after;
    if (before === undefined) parent.child = edge;
    else before.next = edge;
    return edge;
  }
}

let scannedHash = 0;

/**
 * The first byte from `from` on that cannot stand in a plain string: a quote, a backslash or a control byte. Four bytes
 * at a time (a byte below n borrows into its high bit when n is subtracted: Mycroft's test), with the bytes' hash on the
 * way, left in `scannedHash`.
 */
function scanString(view: DataView, from: number): number {
  let hash = 0;
  let at = from;
  for (;;) {
    const word = view.getInt32(at, true);
    const quote = word ^ 0x22222222;
    const backslash = word ^ 0x5c5c5c5c;
    const found =
      (((quote - 0x01010101) & ~quote) |
        ((backslash - 0x01010101) & ~backslash) |
        ((word - 0x20202020) & ~word)) &
      0x80808080;
    if (found === 0) {
      hash = hashBlock(hash, word);
      at += 4;
      continue;
    }
    // The lowest mark is exact, those above it may be borrowed.
    const rest = (31 - Math.clz32(found & -found)) >> 3;
    const end = at + rest;
    scannedHash = hashFinish(hash, word & ((1 << (rest << 3)) - 1), end - from);
    return end;
  }
}
