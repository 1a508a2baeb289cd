/** The cut behind the one that is being sealed and committed: staged meanwhile, or thrown away with it. */
import { rm } from 'node:fs/promises';
import type { StagedCut } from './staging.ts';

export class StagedAhead<Cut extends StagedCut> {
  readonly #stage: (signal: AbortSignal) => Promise<Cut | undefined>;
  readonly #givenUp = new AbortController();
  #staging: Promise<Cut | undefined> = Promise.resolve(undefined);
  #isBegun = false;

  /** @param stage answers undefined if there is not enough for a cut yet */
  constructor(stage: (signal: AbortSignal) => Promise<Cut | undefined>) {
    this.#stage = stage;
  }

  /** Called whenever there may be enough now. */
  begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    this.#staging = this.#stage(this.#givenUp.signal).then((cut) => {
      this.#isBegun = cut !== undefined;
      return cut;
    });
    // Whoever takes it hears of it; until then nobody listens.
    this.#staging.catch(() => undefined);
  }

  /** Once it is staged; undefined: none was begun. Rejects if it could not be. */
  take(): Promise<Cut | undefined> {
    return this.#staging;
  }

  /** Resolves when nothing of it is left. */
  async giveUp(): Promise<void> {
    this.#givenUp.abort();
    const cut = await this.#staging.catch(() => undefined);
    if (cut !== undefined) await discard(cut);
  }
}

export const discard = ({ folder }: StagedCut): Promise<void> =>
  rm(folder, { recursive: true, force: true });
