/** The memory of request bodies that arrive in pieces: bounded in total, and reused. */
import { BODY_MEMORY_BYTES_MAX, BODY_POOL_BYTES_MAX } from './limits.ts';

/** Buffers are powers of two from here on, so that a returned one fits the next body. */
const BUFFER_BYTES_MIN = 16 * 1024;
/** Larger buffers are rare enough to go back to the allocator. */
const POOLED_BYTES_MAX = 2 * 1024 * 1024;

export class BodyMemory {
  readonly #bytesMax: number;
  /** log2 of the size -> free buffers. */
  readonly #free: Uint8Array[][] = [];
  #bytesFree = 0;
  #bytesTaken = 0;

  constructor(bytesMax = BODY_MEMORY_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes that bodies hold now. */
  get bytesTaken(): number {
    return this.#bytesTaken;
  }

  /** True while another body of usual size has room: asked before a body is read. */
  get hasRoom(): boolean {
    return this.#bytesTaken + POOLED_BYTES_MAX <= this.#bytesMax;
  }

  /** A buffer of at least `size` bytes with any content; undefined if all bodies together have reached the bound. */
  take(size: number): Uint8Array | undefined {
    const exponent = exponentOf(size);
    const bytes = 2 ** exponent;
    if (this.#bytesTaken + bytes > this.#bytesMax) return undefined;
    this.#bytesTaken += bytes;
    const pooled = this.#free[exponent]?.pop();
    if (pooled === undefined) return Buffer.allocUnsafeSlow(bytes);
    this.#bytesFree -= bytes;
    return pooled;
  }

  /** Counts bytes that a body holds elsewhere; false if all bodies together have reached the bound. */
  hold(bytes: number): boolean {
    if (this.#bytesTaken + bytes > this.#bytesMax) return false;
    this.#bytesTaken += bytes;
    return true;
  }

  /** The bytes of a `hold` that answered true are gone. */
  drop(bytes: number): void {
    this.#bytesTaken -= bytes;
  }

  /** `buffer` came from `take` and is used no more. */
  give(buffer: Uint8Array): void {
    const bytes = buffer.length;
    this.#bytesTaken -= bytes;
    if (bytes > POOLED_BYTES_MAX || this.#bytesFree + bytes > BODY_POOL_BYTES_MAX) return;
    this.#bytesFree += bytes;
    const exponent = exponentOf(bytes);
    this.#free[exponent] ??= [];
    this.#free[exponent].push(buffer);
  }
}

const exponentOf = (size: number): number =>
  Math.max(Math.ceil(Math.log2(size)), Math.log2(BUFFER_BYTES_MIN));

/** One body, grown as it arrives: what a sender announces is not believed. */
export class Body {
  readonly #memory: BodyMemory;
  #buffer: Uint8Array | undefined;
  #length = 0;

  constructor(memory: BodyMemory) {
    this.#memory = memory;
  }

  get length(): number {
    return this.#length;
  }

  /** Copies `chunk`; false if there is no memory for it. */
  append(chunk: Uint8Array): boolean {
    const length = this.#length + chunk.length;
    if (this.#buffer === undefined || length > this.#buffer.length) {
      const grown = this.#memory.take(length);
      if (grown === undefined) return false;
      if (this.#buffer !== undefined) {
        grown.set(this.#buffer.subarray(0, this.#length));
        this.#memory.give(this.#buffer);
      }
      this.#buffer = grown;
    }
    this.#buffer.set(chunk, this.#length);
    this.#length = length;
    return true;
  }

  /** A view; valid until `release`. */
  bytes(): Uint8Array {
    return this.#buffer === undefined ? NOTHING : this.#buffer.subarray(0, this.#length);
  }

  /** May be called more than once. */
  release(): void {
    if (this.#buffer !== undefined) this.#memory.give(this.#buffer);
    this.#buffer = undefined;
    this.#length = 0;
  }
}

const NOTHING = new Uint8Array(0);
