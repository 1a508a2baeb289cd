/** Bytes that are made as they are read. */
export interface ByteSource {
  /** The next of them; undefined at their end. One call at a time. Rejects if they end before they are whole. */
  next(): Promise<Uint8Array | undefined>;
  /** Nobody wants more: what makes them ends. Does no harm behind their end. */
  close(): void;
}

/** The same bytes. `ended` is told when they are at their end, fail, or are wanted no more; it may be told again. */
export const endingWith = (source: ByteSource, ended: () => void): ByteSource => ({
  async next() {
    try {
      const piece = await source.next();
      if (piece === undefined) ended();
      return piece;
    } catch (error) {
      ended();
      throw error;
    }
  },
  close() {
    source.close();
    ended();
  },
});
