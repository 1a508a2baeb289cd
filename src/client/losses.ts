/** What was given up since it was last told. */

export const LOSSES = [
  /** More waited than the bounds allow. */
  'queue_full',
  /** Longer than a request may be. */
  'too_large',
  /** No event at all. */
  'invalid',
  /** By the server, which keeps it as a dead letter. */
  'refused',
  /** Taken along by a beacon long ago, with nobody there to hear its answer: most of these have arrived. */
  'unconfirmed',
] as const;
export type Loss = (typeof LOSSES)[number];

export class Losses {
  #counts: Partial<Record<Loss, number>> = {};
  #total = 0;

  count(loss: Loss, events = 1): void {
    if (events === 0) return;
    this.#counts[loss] = (this.#counts[loss] ?? 0) + events;
    this.#total += events;
  }

  /** Since the client began. */
  get total(): number {
    return this.#total;
  }

  /** The counts that nobody was told yet, which are told with this; undefined if there are none. */
  take(): Partial<Record<Loss, number>> | undefined {
    const counts = this.#counts;
    if (Object.keys(counts).length === 0) return undefined;
    this.#counts = {};
    return counts;
  }
}
