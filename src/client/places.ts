/** Names of events: the same for all attempts at one, another for each event of the world, in the order of tracking. */

/** Of a time in base 36, until the year 5188; as many of a count. */
const TIME_DIGITS = 9;
const COUNT_DIGITS = 6;

/** Places of one client: `unique` is its own. A clock that goes back does not turn their order. */
export class Places {
  readonly #unique: string;
  #lastMs = 0;
  #count = 0;

  constructor(unique: string) {
    this.#unique = unique;
  }

  next(nowMs: number): string {
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    this.#count += 1;
    return `${startOf(this.#lastMs)}${digits(this.#count, COUNT_DIGITS)}${this.#unique}`;
  }
}

/** Below all places from this time on, and above all before. */
export const startOf = (ms: number): string => digits(Math.floor(ms), TIME_DIGITS);

const digits = (number: number, width: number): string => number.toString(36).padStart(width, '0');
