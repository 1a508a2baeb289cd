/** A copy of bytes with zeros behind them, so that reads by word need no bounds. Reused from body to body. */

/** Bytes to be decoded, and a view of them for reads by word. */
export interface Text {
  readonly bytes: Buffer;
  readonly view: DataView;
}

/** A larger buffer is given back before the next copy. */
const BYTES_KEPT = 1 << 20;
/** Views have whole multiples of this, so that bodies of about the same length share one: making one costs more than zeros. */
const VIEW_STEP_BYTES = 1 << 10;

export class PaddedCopy implements Text {
  bytes = Buffer.alloc(0);
  view = new DataView(this.bytes.buffer, 0, 0);
  /** Behind it are only zeros. */
  #end = 0;

  /** Puts `source` at the start of `bytes`, `slackBytes` zeros or some more behind it. */
  take(source: Uint8Array, slackBytes: number): this {
    const length = source.length + slackBytes;
    const needed = Math.ceil(length / VIEW_STEP_BYTES) * VIEW_STEP_BYTES;
    if (needed > this.bytes.length || this.bytes.length > Math.max(BYTES_KEPT, needed)) {
      const buffer = new ArrayBuffer(needed > BYTES_KEPT ? needed : needed * 2);
      this.bytes = Buffer.from(buffer);
      this.#end = 0;
    }
    // Not longer than what was asked for, so that a read beyond is an error.
    if (this.view.byteLength !== needed || this.view.buffer !== this.bytes.buffer) {
      this.view = new DataView(this.bytes.buffer, 0, needed);
    }
    this.bytes.set(source);
    if (source.length < this.#end) this.bytes.fill(0, source.length, this.#end);
    this.#end = source.length;
    return this;
  }
}
