/** What pages have handed to `track`: the truth of a storm, kept outside of the browser. */

/** One number, as a page hands it over; once more if `track` has answered that it is given up. */
export interface Handed {
  readonly tab: string;
  /** Of one load of a page. */
  readonly life: string;
  /** From 1 on in each life, without gaps. */
  readonly n: number;
  readonly isGivenUp: boolean;
}

export interface Life {
  readonly tab: string;
  readonly life: string;
  /** When each number was handed over, the first at 0. */
  readonly handedAtMs: readonly number[];
  readonly givenUp: ReadonlySet<number>;
}

interface OpenLife extends Life {
  readonly handedAtMs: number[];
  readonly givenUp: Set<number>;
}

export class Told {
  readonly #lives = new Map<string, OpenLife>();

  take({ tab, life, n, isGivenUp }: Handed, nowMs: number): void {
    const known = this.#lives.get(life) ?? { tab, life, handedAtMs: [], givenUp: new Set() };
    this.#lives.set(life, known);
    if (isGivenUp) known.givenUp.add(n);
    else known.handedAtMs[n - 1] = nowMs;
  }

  get lives(): readonly Life[] {
    return [...this.#lives.values()];
  }
}
