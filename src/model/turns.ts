/** Work on things that are told apart by a key: that on one of them is done one after the other, in the order of the calls. */
export class Turns<Key> {
  /** Of each thing that is worked on, the last of what is to be done. */
  readonly #last = new Map<Key, Promise<unknown>>();

  /** As `work` resolves or rejects; the next turn comes all the same. Begins at once where nothing is under way. */
  take<T>(key: Key, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = (before === undefined ? work() : before.then(work, work)).finally(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    this.#last.set(key, turn);
    return turn;
  }

  /** Resolves once everything that was to be done by now is over. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}

/** Work of one kind, all of it done one after the other. */
export interface Line {
  /** Of what is to be done. Never rejects. */
  last: Promise<unknown>;
}

/** As `work` resolves or rejects; the next turn comes all the same. */
export function inTurn<T>(line: Line, work: () => Promise<T>): Promise<T> {
  const turn = line.last.then(work);
  line.last = turn.catch(() => {});
  return turn;
}
