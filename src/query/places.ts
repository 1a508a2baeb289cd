/** Lets so many work at a time, and so many of each who asks. Nobody waits, as one at work may take hours: who finds no place is refused. */
import { AppError } from '../model/errors.ts';

export interface PlaceBounds {
  readonly max: number;
  readonly maxEach: number;
}

export class Places {
  readonly #bounds: PlaceBounds;
  readonly #refusal: (own: number, all: number) => string;
  /** By who asks. */
  readonly #taken = new Map<string, number>();

  /** `refusal`: in words, to one who has `own` places of `all` that are taken. */
  constructor(bounds: PlaceBounds, refusal: (own: number, all: number) => string) {
    this.#bounds = bounds;
    this.#refusal = refusal;
  }

  /** Answers how to leave, which may be done again. Throws `query_overload` if there is no place. */
  enter(who: string): () => void {
    const own = this.#of(who);
    const all = [...this.#taken.values()].reduce((sum, count) => sum + count, 0);
    if (all >= this.#bounds.max || own >= this.#bounds.maxEach) {
      throw new AppError('query_overload', this.#refusal(own, all));
    }
    this.#taken.set(who, own + 1);
    let isIn = true;
    return () => {
      if (!isIn) return;
      isIn = false;
      const left = this.#of(who) - 1;
      if (left > 0) this.#taken.set(who, left);
      else this.#taken.delete(who);
    };
  }

  #of(who: string): number {
    return this.#taken.get(who) ?? 0;
  }
}
