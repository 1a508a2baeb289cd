/**
 * Log messages without what makes each of them unique: `user 4711 not found in 12ms` becomes `user ? not found in ?ms`, so
 * that a rollup has a series per kind of message. One pass from left to right; what is looked for at a place has a bound,
 * so the time is linear whatever the text.
 *
 * No digit is left, and a word is kept as a whole or not at all: normalizing again changes nothing.
 */

/** In UTF-16 units; what is longer is cut behind a whole word. A label may take 1,024 bytes: three for each of these. */
export const NORMALIZED_LENGTH_MAX = 256;
/** A longer word is a token, whatever is in it. */
const WORD_LENGTH_MAX = 64;
const CUT = '…';
const QUOTES = '"\'`';

/** Each begins at the start of a word and ends after a bounded number of characters. */
const SHAPES = {
  /** ISO 8601, perhaps without its time or its zone; IPv4, perhaps with a port. */
  digit: [
    /\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?(?!\w)/y,
    /\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?!\w)/y,
  ],
  /** UUID; IPv6: at least two colons, and a digit somewhere. */
  hex: [
    /[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?!\w)/iy,
    /(?=[\da-f:]{0,44}\d)(?:[\da-f]{1,4}:|:){2,8}(?:[\da-f]{1,4})?(?!\w)/iy,
  ],
  /** E-mail. */
  any: [/[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/y],
} as const;
const HEX = /^(?:0x[\da-f]+|(?=.*\d)[\da-f]{8,})$/i;

/** Numbers, hexadecimal ids, UUIDs, addresses, times, quoted texts and long tokens become `?`. */
export function normalizeText(text: string): string {
  let out = '';
  let at = 0;
  while (at < text.length) {
    const { to, as } = pieceAt(text, at);
    if (out.length + as.length > NORMALIZED_LENGTH_MAX - CUT.length) {
      // The last piece may be all that is left, and fit.
      const isLast = to === text.length && out.length + as.length <= NORMALIZED_LENGTH_MAX;
      return isLast ? out + as : out + CUT;
    }
    out += as;
    at = to;
  }
  return out;
}

/** `text[at..to)` is written as `as`. */
interface Piece {
  readonly to: number;
  readonly as: string;
}

function pieceAt(text: string, at: number): Piece {
  const code = text.charCodeAt(at);
  const before = text.charCodeAt(at - 1);
  // Behind a number begins what will stand behind its `?`.
  if (isWord(code)) return isLetter(before) ? lettersAt(text, at) : wordAt(text, at);
  const isInWord = isWord(before);
  const quoted = QUOTES.includes(text[at] as string) ? quotedAt(text, at, isInWord) : undefined;
  if (quoted !== undefined) return quoted;
  const isSign = (code === MINUS || code === PLUS) && isDigit(text.charCodeAt(at + 1));
  if (isSign && !isInWord && text[at - 1] !== '?') return { to: at + 1, as: '' };
  // A pair of surrogates is one character, which must not be cut.
  const to = at + ((text.codePointAt(at) as number) > 0xffff ? 2 : 1);
  return { to, as: text.slice(at, to) };
}

/** Of a kind of quote at most the last can be without an end, so that all searches together pass the text three times. */
function quotedAt(text: string, at: number, isInWord: boolean): Piece | undefined {
  // An apostrophe.
  if (text[at] === "'" && (isInWord || text[at - 1] === '?')) return undefined;
  const end = text.indexOf(text[at] as string, at + 1);
  return end < 0 ? undefined : { to: end + 1, as: '?' };
}

function shapeAt(text: string, at: number): Piece | undefined {
  const code = text.charCodeAt(at);
  const end =
    (isDigit(code) ? shapeEnd(SHAPES.digit, text, at) : 0) ||
    (isDigit(code) || (code | LOWER) <= LETTER_F ? shapeEnd(SHAPES.hex, text, at) : 0) ||
    shapeEnd(SHAPES.any, text, at);
  return end === 0 ? undefined : { to: wordEnd(text, end), as: '?' };
}

/** 0 if none of the shapes is there. */
function shapeEnd(shapes: readonly RegExp[], text: string, at: number): number {
  for (const shape of shapes) {
    shape.lastIndex = at;
    if (shape.test(text)) return shape.lastIndex;
  }
  return 0;
}

/** All of a word that is an id, or its first letters or number. */
function wordAt(text: string, at: number): Piece {
  const shape = shapeAt(text, at);
  if (shape !== undefined) return shape;
  const to = wordEnd(text, at);
  return isToken(text, at, to) ? { to, as: '?' } : lettersAt(text, at);
}

/** The letters or the number up to where a word changes from one to the other. */
function lettersAt(text: string, at: number): Piece {
  if (isDigit(text.charCodeAt(at))) return { to: numberEnd(text, at), as: '?' };
  let to = at + 1;
  while (isLetter(text.charCodeAt(to))) to++;
  return { to, as: to - at > WORD_LENGTH_MAX ? '?' : text.slice(at, to) };
}

/** Hexadecimal, long, or a mixture of letters and digits that no person would have named so. */
function isToken(text: string, from: number, to: number): boolean {
  const length = to - from;
  if (length > WORD_LENGTH_MAX) return true;
  const word = text.slice(from, to);
  if (HEX.test(word)) return true;
  if (length < 12) return false;
  let digits = 0;
  for (let i = from; i < to; i++) if (isDigit(text.charCodeAt(i))) digits++;
  const isMixedCase = /[a-z]/.test(word) && /[A-Z]/.test(word);
  return digits * 4 >= length || (length >= 20 && digits >= 2 && isMixedCase);
}

function wordEnd(text: string, at: number): number {
  let to = at;
  while (isWord(text.charCodeAt(to))) to++;
  return to;
}

/** Behind digits, with groups, decimals and exponent. */
function numberEnd(text: string, at: number): number {
  let to = at + 1;
  for (;;) {
    const code = text.charCodeAt(to);
    if (isDigit(code)) to++;
    else if ((code === POINT || code === COMMA) && isDigit(text.charCodeAt(to + 1))) to += 2;
    else break;
  }
  if ((text.charCodeAt(to) | LOWER) !== LETTER_E) return to;
  const sign = text.charCodeAt(to + 1);
  const from = to + (sign === MINUS || sign === PLUS ? 2 : 1);
  let end = from;
  while (isDigit(text.charCodeAt(end))) end++;
  return end > from && !isWord(text.charCodeAt(end)) ? end : to;
}

const [PLUS, COMMA, MINUS, POINT] = [0x2b, 0x2c, 0x2d, 0x2e];
const LOWER = 0x20;
const LETTER_E = 0x65;
const LETTER_F = 0x66;

const isDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** ASCII, and `_`; false for the NaN beyond an end. */
const isLetter = (code: number): boolean =>
  ((code | LOWER) >= 0x61 && (code | LOWER) <= 0x7a && code < 0x80) || code === 0x5f;

const isWord = (code: number): boolean => isDigit(code) || isLetter(code);
