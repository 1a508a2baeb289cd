/**
 * Where the elements of a JSON array lie, so that each is decoded like a line of its own: by the shape path where it
 * can, and a bad element refuses itself and not its neighbours. Only brackets and strings are looked at; whether an
 * element is valid JSON is for whoever decodes it. Reads by word may go 3 bytes beyond what is looked at.
 */
import type { Text } from './padded.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;

/** What a byte outside of strings does: opens (1) or closes (2) a level, starts a string (3), separates (4). */
const EFFECT = new Uint8Array(256);
for (const byte of '{[') EFFECT[byte.charCodeAt(0)] = 1;
for (const byte of '}]') EFFECT[byte.charCodeAt(0)] = 2;
EFFECT[QUOTE] = 3;
EFFECT[COMMA] = 4;

/** True if `[from, to)` is one array: brackets pair up in number, strings end, nothing comes behind. */
export function isWholeArray(text: Text, from: number, to: number): boolean {
  const { bytes } = text;
  return (
    bytes[from] === 0x5b && bytes[to - 1] === 0x5d && levelEnd(text, from + 1, to, 1) === to - 1
  );
}

/** Where the element that starts at `from` ends: at its comma, or at the bracket that closes the array. */
export const elementEnd = (text: Text, from: number, to: number): number =>
  levelEnd(text, from, to, 0);

/**
 * The first place in `[from, to)` that closes level `closes`, counted from the level of `from` outwards, where
 * level 0 ends at a comma too; else `to`.
 */
function levelEnd({ bytes, view }: Text, from: number, to: number, closes: 0 | 1): number {
  let depth = 0;
  for (let at = from; at < to; at++) {
    const effect = EFFECT[bytes[at] as number];
    if (effect === 0) continue;
    if (effect === 1) depth++;
    else if (effect === 3) at = stringEnd(view, at + 1, to);
    else if (depth === 0 && (effect === 2 || closes === 0)) return at;
    else if (effect === 2) depth--;
  }
  return to;
}

/** Place of the closing quote, or `to` or more. By words, like `scanString` in shape.ts. */
function stringEnd(view: DataView, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const word = view.getInt32(at, true);
    const quote = word ^ 0x22222222;
    const backslash = word ^ 0x5c5c5c5c;
    const found =
      (((quote - 0x01010101) & ~quote) | ((backslash - 0x01010101) & ~backslash)) & 0x80808080;
    if (found === 0) {
      at += 4;
      continue;
    }
    at += (31 - Math.clz32(found & -found)) >> 3;
    if (view.getUint8(at) === QUOTE) return at;
    at += 2; // a backslash and what it escapes
  }
  return at;
}

/** First place in `[at, to)` that is not JSON white space, or `to`. */
export function skipSpace(bytes: Uint8Array, at: number, to: number): number {
  let place = at;
  while (place < to && isSpace(bytes[place] as number)) place++;
  return place;
}

/** End of `[from, to)` without trailing white space. */
export function skipSpaceBack(bytes: Uint8Array, from: number, to: number): number {
  let end = to;
  while (end > from && isSpace(bytes[end - 1] as number)) end--;
  return end;
}

const isSpace = (byte: number): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
