/**
 * The groups of a rule: what its rollups (two for a ratio) number each for themselves gets one number here. Numbers mean
 * nothing outside of the process.
 */
import { OVERFLOW_LABEL } from '../../src/aggregate/series-index.ts';
import type { GroupValues } from '../../src/model/alarm.ts';
import type { GroupLabels } from '../../src/model/partials.ts';
import { GROUPS_APART_MAX } from './limits.ts';

/** The series of everything that a partition could not keep apart. */
export const OVERFLOW_ID = -1;

export class RuleGroups {
  readonly #ids = new Map<string, number>();
  readonly #labels: GroupValues[] = [];
  /** By rollup: its group -> the rule's. */
  readonly #idsOf: number[][] = [[], []];

  get count(): number {
    return this.#labels.length;
  }

  labels(id: number): GroupValues {
    return this.#labels[id] ?? [];
  }

  /** Of the rule's rollup `side`, 0 or 1; `groups` only grows. Answers its groups' ids. */
  learn(side: number, groups: readonly GroupLabels[]): readonly number[] {
    const ids = this.#idsOf[side] ?? [];
    const end = Math.min(groups.length, GROUPS_APART_MAX + 1);
    for (let group = ids.length; group < end; group++) {
      ids.push(group === GROUPS_APART_MAX ? OVERFLOW_ID : this.#idOf(groups[group] ?? []));
    }
    return ids;
  }

  #idOf(labels: GroupLabels): number {
    if (labels.length > 0 && labels.every((label) => label === OVERFLOW_LABEL)) return OVERFLOW_ID;
    const key = JSON.stringify(labels);
    let id = this.#ids.get(key);
    if (id === undefined) {
      id = this.#labels.length;
      this.#ids.set(key, id);
      this.#labels.push(labels);
    }
    return id;
  }
}
