/**
 * Strings with escapes, for the shape path: many programs escape every slash or everything beyond ASCII, and their
 * lines should not be slow for that.
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;

/** Per byte behind a backslash: what it stands for, 0 = no escape of one letter. */
const SHORT = new Uint8Array(256);
for (const [letter, byte] of Object.entries({
  '"': 34,
  '\\': 92,
  '/': 47,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
})) {
  SHORT[letter.charCodeAt(0)] = byte;
}

/** Value of a hexadecimal digit; 16, which no digit has, marks everything else. */
const HEX = new Uint8Array(256).fill(16);
for (let digit = 0; digit < 16; digit++) {
  HEX[digit.toString(16).charCodeAt(0)] = digit;
  HEX[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

export class EscapedString {
  /** The bytes of the string that was read last, `[0, length)`; more behind it may be read. */
  readonly view: DataView;
  length = 0;
  readonly #bytes: Uint8Array;
  readonly #lengthMax: number;

  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax;
    this.#bytes = new Uint8Array(lengthMax + 8);
    this.view = new DataView(this.#bytes.buffer);
  }

  /**
   * Reads the string whose first byte (behind its quote) is at `from`. Answers the place of its closing quote; -1 if it
   * is too long, not valid, or has a surrogate without its pair, about which the fallback decides.
   */
  read(source: Uint8Array, from: number): number {
    const out = this.#bytes;
    let length = 0;
    let at = from;
    while (length <= this.#lengthMax) {
      const byte = source[at] as number;
      if (byte === QUOTE) {
        this.length = length;
        return at;
      }
      if (byte !== BACKSLASH) {
        if (byte < 0x20) return -1;
        out[length++] = byte;
        at++;
        continue;
      }
      const letter = source[at + 1] as number;
      const short = SHORT[letter] as number;
      if (short !== 0) {
        out[length++] = short;
        at += 2;
        continue;
      }
      if (letter !== LOWER_U) return -1;
      let point = hex4(source, at + 2);
      at += 6;
      if (point >= 0xd800 && point < 0xe000) {
        const paired = point < 0xdc00 && source[at] === BACKSLASH && source[at + 1] === LOWER_U;
        const low = paired ? hex4(source, at + 2) : 0;
        if (low < 0xdc00 || low >= 0xe000) return -1;
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
      if (point > 0x10ffff) return -1;
      length = this.#put(point, length);
    }
    return -1;
  }

  /** Writes a code point as UTF-8; answers the length then. */
  #put(point: number, length: number): number {
    const out = this.#bytes;
    let at = length;
    if (point < 0x80) {
      out[at++] = point;
      return at;
    }
    if (point < 0x800) {
      out[at++] = 0xc0 | (point >> 6);
    } else {
      if (point < 0x10000) {
        out[at++] = 0xe0 | (point >> 12);
      } else {
        out[at++] = 0xf0 | (point >> 18);
        out[at++] = 0x80 | ((point >> 12) & 63);
      }
      out[at++] = 0x80 | ((point >> 6) & 63);
    }
    out[at++] = 0x80 | (point & 63);
    return at;
  }
}

/** Four hexadecimal digits; beyond every code point if they are none. */
function hex4(source: Uint8Array, at: number): number {
  const a = HEX[source[at] as number] as number;
  const b = HEX[source[at + 1] as number] as number;
  const c = HEX[source[at + 2] as number] as number;
  const d = HEX[source[at + 3] as number] as number;
  return (a | b | c | d) > 15 ? 0x110000 : (a << 12) | (b << 8) | (c << 4) | d;
}
