/** Which rollups the partitions shall keep: the complete set as of the start, and every change of it, in the order of versions. */
import assert from 'node:assert/strict';
import type { RollupDefinition, RollupsControl } from './model/rollup.ts';
import type { SessionDefinition } from './model/session.ts';

/** Changes of one life of the server. Versions of a later life are greater, and stay exact integers for 2^33 lives. */
const CHANGES_MAX = 2 ** 20;

export type LogDefinitions = (control: RollupsControl) => Promise<void>;

/** The complete set, by who has a say in it. */
export interface RollupSet {
  readonly configured: readonly RollupDefinition[];
  /** By tenants, while the server ran. */
  readonly declared: readonly RollupDefinition[];
  /** What alarm rules are evaluated on. */
  readonly rules: readonly RollupDefinition[];
  /** What makes the sessions that some of them count; absent where there are none. */
  readonly sessions?: readonly SessionDefinition[];
}

export class Declarations {
  #starts: number;
  #changes = 0;
  #set: RollupSet;
  #asked: readonly RollupDefinition[] = [];
  #current: RollupsControl;
  #log: LogDefinitions | undefined;

  /** `starts`: of the state store, which names this life of the server. */
  constructor(starts: number, set: RollupSet) {
    this.#starts = starts;
    this.#set = set;
    this.#current = this.#next(set);
  }

  get current(): RollupsControl {
    return this.#current;
  }

  /** Those that questions may be put to. */
  get asked(): readonly RollupDefinition[] {
    return this.#asked;
  }

  /** Of several nodes one declares at a time: each with a term of its own, greater than those before. */
  lead(term: number): void {
    this.#starts = term;
    this.#changes = 0;
  }

  /** Once the journal is open. */
  logThrough(log: LogDefinitions): void {
    this.#log = log;
  }

  /** As `redefine`, for what is declared next. */
  take(part: Partial<RollupSet>): void {
    this.#set = { ...this.#set, ...part };
  }

  /**
   * Makes these a part of the complete set, and leaves the others. Resolves when it is in the log of every partition, so that a
   * crash does not take it back; a full log makes it wait. What a restart shall declare must be stored before: the set that is
   * given at the start wins.
   */
  async redefine(part: Partial<RollupSet>): Promise<void> {
    assert(this.#log !== undefined, 'the journal is open before rollups change');
    this.#current = this.#next({ ...this.#set, ...part });
    await this.#log(this.#current);
  }

  #next(set: RollupSet): RollupsControl {
    const change = this.#changes++;
    assert(change < CHANGES_MAX, 'rollups have changed too often since the start');
    this.#set = set;
    this.#asked = [...set.configured, ...set.declared];
    const rollups = [...this.#asked, ...set.rules];
    const version = this.#starts * CHANGES_MAX + change;
    const { sessions = [] } = set;
    return { type: 'setRollups', version, rollups, ...(sessions.length > 0 && { sessions }) };
  }
}
