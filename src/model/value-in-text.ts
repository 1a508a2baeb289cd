/** Whether bytes that somebody sent, of whatever form, hold a value. For what nobody could read as an event. */

/**
 * True where the value stands by itself, not as a part of a longer word: `u1` is in `"user":"u1"` and in `u1@example.com`, not in
 * `u12`. As it is, or as JSON writes it in a string.
 */
export function holdsValue(bytes: Uint8Array, value: string): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const forms = new Set([value, JSON.stringify(value).slice(1, -1), asciiJson(value)]);
  for (const form of forms) {
    const wanted = Buffer.from(form);
    for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) {
      if (!isWord(text[at - 1]) && !isWord(text[at + wanted.length])) return true;
    }
  }
  return false;
}

/** As writers of JSON do that send nothing but ASCII. */
const asciiJson = (value: string): string =>
  JSON.stringify(value)
    .slice(1, -1)
    .replace(
      /[\u0080-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );

/** ASCII letters, digits and `_`. A part of a longer character counts as none: rather too much is found than too little. */
const isWord = (byte: number | undefined): boolean =>
  byte !== undefined &&
  ((byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    byte === 0x5f ||
    (byte >= 0x61 && byte <= 0x7a));
