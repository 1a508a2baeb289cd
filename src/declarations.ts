/** Which rollups the partitions shall keep: the complete set as of the start, and every change of it, in the order of versions. */
import assert from 'node:assert/strict';
import type { RollupDefinition, RollupsControl } from './model/rollup.ts';

/** Changes of one life of the server. Versions of a later life are greater, and stay exact integers for 2^33 lives. */
const CHANGES_MAX = 2 ** 20;

export type LogDefinitions = (control: RollupsControl) => Promise<void>;

export class Declarations {
  readonly #starts: number;
  #changes = 0;
  #current: RollupsControl;
  #log: LogDefinitions | undefined;

  /** `starts`: of the state store, which names this life of the server. */
  constructor(starts: number, rollups: readonly RollupDefinition[]) {
    this.#starts = starts;
    this.#current = this.#next(rollups);
  }

  get current(): RollupsControl {
    return this.#current;
  }

  /** Once the journal is open. */
  logThrough(log: LogDefinitions): void {
    this.#log = log;
  }

  /**
   * Makes these the complete set. Resolves when it is in the log of every partition, so that a crash does not take it back; a
   * full log makes it wait. What a restart shall declare must be stored before: the set that is given at the start wins.
   */
  async redefine(rollups: readonly RollupDefinition[]): Promise<void> {
    assert(this.#log !== undefined, 'the journal is open before rollups change');
    this.#current = this.#next(rollups);
    await this.#log(this.#current);
  }

  #next(rollups: readonly RollupDefinition[]): RollupsControl {
    const change = this.#changes++;
    assert(change < CHANGES_MAX, 'rollups have changed too often since the start');
    return { type: 'setRollups', version: this.#starts * CHANGES_MAX + change, rollups };
  }
}
