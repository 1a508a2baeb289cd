/** Ids of the records of a file, one after the other, as bytes: of the next one mostly only the last digit is another. */

const ZERO = 48;
const NINE = 57;
const LETTER_A = 97;
const LETTER_Z = 122;

export class RecordId {
  /** Latin-1, not to be written to; the same ones for each record. */
  readonly bytes: Buffer;

  /** `id` ends in a number as `lineId` writes it. */
  constructor(id: string) {
    this.bytes = Buffer.from(id, 'latin1');
  }

  /** From here on it is that of the next record. */
  next(): void {
    let at = this.bytes.length - 1;
    for (; this.bytes[at] === LETTER_Z; at--) this.bytes[at] = ZERO;
    const digit = this.bytes[at] as number;
    this.bytes[at] = digit === NINE ? LETTER_A : digit + 1;
  }

  text(): string {
    return this.bytes.toString('latin1');
  }
}
