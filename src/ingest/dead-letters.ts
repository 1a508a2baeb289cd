/** Refused lines of one stream, gathered as columns so that they travel and are stored like any other block. */
import { COLUMN_KIND, type Column, ROLE, type StringColumn } from '../model/columns.ts';
import type { DecodeOutcome } from './decode/outcome.ts';
import { DEAD_LETTER_BYTES_MAX } from './limits.ts';

const encoder = new TextEncoder();

/** What a row takes in a block besides its strings: an offset and a code for each of three, and the line. */
const ROW_BYTES = 32;

export class DeadLetters {
  #codes = new Strings();
  #messages = new Strings();
  #raws = new Strings();
  #lines: number[] = [];
  #bytes = 0;
  #rejected = 0;

  /** Refused lines, stored or not: what the block's header says. */
  get rejected(): number {
    return this.#rejected;
  }

  /** Lines that are stored. */
  get rows(): number {
    return this.#lines.length;
  }

  /**
   * Lines past the memory bound are counted only, like those of which the decoder kept no bytes. `place` tells where the
   * body lay, if it is still there to be looked at.
   */
  add({ rejected, rejections }: DecodeOutcome, place?: () => string): void {
    this.#rejected += rejected;
    for (const { code, message, line, raw } of rejections) {
      const codeBytes = encoder.encode(code);
      const messageBytes = encoder.encode(
        place === undefined ? message : `${message} (${place()})`,
      );
      const bytes = ROW_BYTES + codeBytes.length + messageBytes.length + raw.length;
      if (this.#bytes + bytes > DEAD_LETTER_BYTES_MAX) return;
      this.#bytes += bytes;
      this.#codes.push(codeBytes);
      this.#messages.push(messageBytes);
      this.#raws.push(raw);
      this.#lines.push(line);
    }
  }

  columns(): Column[] {
    return [
      this.#codes.column('code'),
      this.#messages.column('message'),
      this.#raws.column('raw'),
      {
        kind: COLUMN_KIND.number,
        role: ROLE.field,
        name: 'line',
        values: Float64Array.from(this.#lines),
      },
    ];
  }

  reset(): void {
    if (this.#rejected === 0) return;
    this.#codes = new Strings();
    this.#messages = new Strings();
    this.#raws = new Strings();
    this.#lines = [];
    this.#bytes = 0;
    this.#rejected = 0;
  }
}

/** Byte strings, each an entry of its own. */
class Strings {
  readonly #parts: Uint8Array[] = [];

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes);
  }

  column(name: string): StringColumn {
    const count = this.#parts.length;
    const offsets = new Uint32Array(count + 1);
    for (let i = 0; i < count; i++) {
      offsets[i + 1] = (offsets[i] as number) + (this.#parts[i] as Uint8Array).length;
    }
    return {
      kind: COLUMN_KIND.string,
      role: ROLE.field,
      name,
      codes: Uint32Array.from({ length: count }, (_, i) => i + 1),
      entries: { count, offsets, bytes: Buffer.concat(this.#parts) },
    };
  }
}
