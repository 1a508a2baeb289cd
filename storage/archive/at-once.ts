/** Calls of an archive side by side, but not too many. */

/**
 * Calls `work` for each item, `width` at a time, and waits for all that it has begun. Rejects with the first error, and begins
 * nothing after it.
 */
export async function atOnce<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  async function runner(): Promise<void> {
    while (failure === undefined) {
      const next = rest.next();
      if (next.done === true) return;
      try {
        await work(next.value);
      } catch (error) {
        failure ??= { error };
      }
    }
  }
  await Promise.all(Array.from({ length: width }, runner));
  if (failure !== undefined) throw failure.error;
}
