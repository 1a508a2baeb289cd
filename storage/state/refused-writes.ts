/** How many writes the store has refused, whichever thread wrote: a count in memory that all threads share. */
export class RefusedWrites {
  /** To be handed to other threads. */
  readonly buffer: SharedArrayBuffer;
  /** One number, which wraps around. */
  readonly #counter: Uint32Array;

  constructor(buffer = new SharedArrayBuffer(Uint32Array.BYTES_PER_ELEMENT)) {
    this.buffer = buffer;
    this.#counter = new Uint32Array(buffer);
  }

  get count(): number {
    return Atomics.load(this.#counter, 0);
  }

  add(): void {
    Atomics.add(this.#counter, 0, 1);
  }
}
