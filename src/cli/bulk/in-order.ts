/** Requests of which some are under way at once, and whose answers are told in the order in which they were begun. */

export class InOrder<Answer> {
  readonly #widthMax: number;
  readonly #tell: (answer: Answer) => void;
  readonly #underWay: Promise<Answer>[] = [];

  constructor(widthMax: number, tell: (answer: Answer) => void) {
    this.#widthMax = widthMax;
    this.#tell = tell;
  }

  /** Resolves when `begin` was called, which waits while as many as may are under way. Rejects as the oldest does. */
  async add(begin: () => Promise<Answer>): Promise<void> {
    while (this.#underWay.length >= this.#widthMax) await this.#tellOldest();
    const answer = begin();
    // Whoever waits for it hears of it then.
    answer.catch(() => {});
    this.#underWay.push(answer);
  }

  async tellAll(): Promise<void> {
    while (this.#underWay.length > 0) await this.#tellOldest();
  }

  async #tellOldest(): Promise<void> {
    const oldest = this.#underWay.shift();
    if (oldest !== undefined) this.#tell(await oldest);
  }
}
