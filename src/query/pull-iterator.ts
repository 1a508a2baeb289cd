/**
 * An iterator over what is pulled. Unlike a generator, its `return` takes effect while a `next` is still waiting: a
 * subscriber that leaves does not stay until there is news for it.
 *
 * `pull` answers undefined when there is nothing more to come, and soon after `end` was called. `end` is called once: by
 * whoever reads, or when that is over or fails.
 */
export function pullIterator<T>(
  pull: () => Promise<T | undefined>,
  end: () => void,
): AsyncIterableIterator<T> {
  const done = { done: true, value: undefined } as const;
  let hasEnded = false;
  const endOnce = () => {
    if (hasEnded) return;
    hasEnded = true;
    end();
  };
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const value = hasEnded ? undefined : await pull();
        if (value !== undefined) return { done: false, value };
      } catch (error) {
        endOnce();
        throw error;
      }
      endOnce();
      return done;
    },
    async return() {
      endOnce();
      return done;
    },
  };
}
