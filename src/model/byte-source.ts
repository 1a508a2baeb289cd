/** Bytes that are made as they are read. */
export interface ByteSource {
  /** The next of them; undefined at their end. One call at a time. Rejects if they end before they are whole. */
  next(): Promise<Uint8Array | undefined>;
  /** Nobody wants more: what makes them ends. Does no harm behind their end. */
  close(): void;
}
