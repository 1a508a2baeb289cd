/** The windows of a rule as columns over its groups: merges the rows of its rollup, or of both sides of a ratio. */

import { WindowTree } from '../../src/aggregate/window-tree.ts';
import { isKnownWhenEmpty } from '../../src/alarm/windows.ts';
import type { AlarmMeasure, AlarmRule } from '../../src/model/alarm.ts';
import type { GroupLabels, PartialBucket, PartialRow } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { GROUPS_APART_MAX } from './limits.ts';
import { reader, type SlotReader } from './measure-values.ts';
import { OVERFLOW_ID, type RuleGroups } from './rule-groups.ts';

export interface Columns {
  values: Float64Array;
  hasEvents: Uint8Array;
  isOverflowing: boolean;
}

export const newColumns = (): Columns => ({
  values: new Float64Array(0),
  hasEvents: new Uint8Array(0),
  isOverflowing: false,
});

interface Side {
  readonly tree: WindowTree;
  readonly read: SlotReader;
  readonly empty: number;
}

/** A run of time that slides with the rule's ticks: that of its windows, or an earlier one that they are compared with. */
export class RuleWindows {
  readonly #groups: RuleGroups;
  readonly #windowMs: number;
  readonly #sides: readonly Side[];
  #denominators = new Float64Array(0);

  /** `rollups` are the rule's, compiled. */
  constructor(rule: AlarmRule, rollups: readonly RollupDefinition[], groups: RuleGroups) {
    this.#groups = groups;
    this.#windowMs = rule.windowMs;
    const measures: readonly AlarmMeasure[] =
      rule.over === undefined ? [rule.measure] : [rule.measure, rule.over.measure];
    this.#sides = rollups.map((rollup, side) => {
      const measure = measures[side] ?? rule.measure;
      return {
        tree: new WindowTree(rollup, rule.everyMs),
        read: reader(measure, rule.windowMs),
        empty: isKnownWhenEmpty(measure) ? 0 : Number.NaN,
      };
    });
  }

  /** `groupCount`: of all groups that the rollup's rows may name. */
  add(side: number, buckets: readonly PartialBucket[], groupCount: number): void {
    for (const { bucketMs, rows } of buckets) {
      const kept = groupCount <= GROUPS_APART_MAX ? rows : rows.map(withoutExcess);
      this.#sides[side]?.tree.add(bucketMs, kept);
    }
  }

  dropBefore(fromMs: number): void {
    for (const { tree } of this.#sides) tree.dropBefore(fromMs);
  }

  /** The first bucket with events that begins at or behind it. */
  firstFrom(fromMs: number): number | undefined {
    const firsts = this.#sides.flatMap(({ tree }) => tree.firstFrom(fromMs) ?? []);
    return firsts.length === 0 ? undefined : Math.min(...firsts);
  }

  /** The window that ends at `toMs`. `labels` are the groups of each rollup, all that its rows name. */
  read(toMs: number, labels: readonly (readonly GroupLabels[])[], into: Columns): void {
    const groupsOf = labels.map((groups, side) => this.#groups.learn(side, groups));
    const { count } = this.#groups;
    if (into.values.length < count) {
      into.values = new Float64Array(count * 2);
      into.hasEvents = new Uint8Array(count * 2);
    }
    into.hasEvents.fill(0);
    into.isOverflowing = false;
    const [value, over] = this.#sides;
    if (value === undefined) return;
    this.#readSide(value, toMs, groupsOf[0] ?? [], into.values, into);
    if (over === undefined) return;
    if (this.#denominators.length < count) this.#denominators = new Float64Array(count * 2);
    this.#readSide(over, toMs, groupsOf[1] ?? [], this.#denominators, into);
    for (let id = 0; id < count; id++) {
      const denominator = this.#denominators[id] as number;
      into.values[id] = denominator === 0 ? Number.NaN : (into.values[id] as number) / denominator;
    }
  }

  #readSide(
    { tree, read, empty }: Side,
    toMs: number,
    idOf: readonly number[],
    values: Float64Array,
    into: Columns,
  ): void {
    values.fill(empty);
    const fold = tree.merge(toMs - this.#windowMs, toMs);
    for (let slot = 0; slot < fold.slots; slot++) {
      if (fold.counts[slot] === 0) continue;
      const id = idOf[fold.series[slot] as number];
      if (id === undefined || id === OVERFLOW_ID) {
        into.isOverflowing = true;
        continue;
      }
      values[id] = read(fold, slot);
      into.hasEvents[id] = 1;
    }
  }
}

const withoutExcess = (row: PartialRow): PartialRow => ({
  ...row,
  outputOf: row.outputOf.map((group) => Math.min(group, GROUPS_APART_MAX)),
});
