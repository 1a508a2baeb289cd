/**
 * What is known of events beside their bytes, as a record of a foreign topic has a key, headers and a place of its own. It
 * fills in what an event does not say itself, before the event is judged.
 */
import { hashBytes, placeableHash } from './hash.ts';

/** Reads by word go beyond a text. */
const SLACK_BYTES = 8;
const TEXT_BYTES_AT_FIRST = 256;
const POINT = 0x2e;
const DIGITS = Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz');
/** Of 2^53 in base 36. */
const DIGITS_MAX = 11;

/** A text that changes from record to record and never allocates. */
export class GivenText {
  bytes = Buffer.alloc(0);
  view = new DataView(this.bytes.buffer, 0, 0);
  length = 0;

  constructor() {
    this.#reserve(TEXT_BYTES_AT_FIRST);
  }

  get isEmpty(): boolean {
    return this.length === 0;
  }

  clear(): void {
    this.length = 0;
  }

  /** Valid UTF-8. */
  set(text: Uint8Array): void {
    this.#reserve(text.length);
    this.bytes.set(text);
    this.length = text.length;
  }

  setText(text: string): void {
    this.#reserve(text.length * 3);
    this.length = this.bytes.write(text);
  }

  /** A point and an integer in base 36. */
  append(number: number): void {
    this.#reserve(this.length + 1 + DIGITS_MAX);
    this.bytes[this.length] = POINT;
    let digits = 1;
    for (let rest = number; rest >= 36; rest = Math.floor(rest / 36)) digits++;
    let rest = number;
    for (let at = this.length + digits; at > this.length; at--) {
      this.bytes[at] = DIGITS[rest % 36] as number;
      rest = Math.floor(rest / 36);
    }
    this.length += 1 + digits;
  }

  shorten(length: number): void {
    this.length = length;
  }

  get hash(): number {
    return hashBytes(this.view, 0, this.length);
  }

  /** What the text says about the partition. */
  get placeHash(): number {
    return placeableHash(this.hash);
  }

  #reserve(length: number): void {
    if (length + SLACK_BYTES <= this.bytes.length) return;
    const grown = new Uint8Array((length + SLACK_BYTES) * 2);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = Buffer.from(grown.buffer);
    this.view = new DataView(grown.buffer);
  }
}

export class Given {
  /** Of every event of the body; those behind its first get the number of their line behind it. */
  readonly id = new GivenText();
  /** Empty: none is given. */
  readonly key = new GivenText();
  readonly type = new GivenText();
  /** The time of events that have none. */
  tsMs = 0;
  /** In words, for the reasons of what is refused. */
  readonly place: () => string;
  #idLength = 0;

  constructor(place: () => string) {
    this.place = place;
  }

  /** From here on the id is that of a whole body. */
  idIsSet(): void {
    this.#idLength = this.id.length;
  }

  /** Makes `id` that of the event in this line. */
  atLine(line: number): void {
    if (this.id.length !== this.#idLength) this.id.shorten(this.#idLength);
    if (line > 0) this.id.append(line);
  }

  /** An upper bound of what it adds to a row. */
  get bytes(): number {
    return this.id.length + this.key.length + this.type.length;
  }
}
