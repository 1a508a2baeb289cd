/** Integers of varying length in zigzag, as Kafka's records have them. */
export class Varints {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** Of 32 bits. */
  take(): number {
    const first = this.bytes[this.at++] as number;
    if (first < 0x80) return (first >>> 1) ^ -(first & 1);
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.#next();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new RangeError('an integer has more than 32 bits');
  }

  /** Of 64 bits, exact up to 2^53. */
  takeLong(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#next();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw new RangeError('an integer has more than 64 bits');
  }

  /** Passes over so many bytes; a negative length, which stands for null, over none. */
  skip(length: number): void {
    if (length > 0) this.at += length;
    if (this.at > this.bytes.length) throw new RangeError('the bytes end within a record');
  }

  #next(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) throw new RangeError('the bytes end within an integer');
    return byte;
  }
}
