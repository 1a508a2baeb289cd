/**
 * What a rule compares its windows with: the window before, the same time of an earlier day, the same hour of past weeks.
 * Rows of earlier days are read from the store, ahead by some ticks, because reading many at once costs about what one does.
 */

import { compileRule } from '../../src/alarm/compile.ts';
import { historyMs, referenceShiftMs, sampleWindows } from '../../src/alarm/windows.ts';
import type { AlarmRule } from '../../src/model/alarm.ts';
import type { GroupLabels, Partials } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { WEEK_MS } from '../../src/model/units.ts';
import type { RuleGroups } from './rule-groups.ts';
import { type Columns, newColumns, RuleWindows } from './rule-windows.ts';

/** Ticks that are read at once. More are fewer reads and more memory. */
const TICKS_AHEAD = 16;

/** How far behind a tick the rows reach that its windows need from the feed itself. */
export function lookBackMs(rule: AlarmRule): number {
  const isBefore = rule.condition.kind === 'change' && rule.condition.versus === 'windowBefore';
  return isBefore ? 2 * rule.windowMs : rule.windowMs;
}

/** A run of time that lies `shift` behind the ticks. */
class Earlier {
  readonly windows: RuleWindows;
  readonly #rollups: readonly RollupDefinition[];
  readonly #stepMs: number;
  /** What is known of it. */
  #fromMs = 0;
  #toMs = 0;

  constructor(rule: AlarmRule, rollups: readonly RollupDefinition[], groups: RuleGroups) {
    this.#rollups = rollups;
    this.#stepMs = rule.everyMs;
    this.windows = new RuleWindows(rule, rollups, groups);
  }

  /** False: not all of it is stored yet. `labels` is filled with the groups that the rows name. */
  async reach(
    partials: Partials,
    fromMs: number,
    toMs: number,
    labels: (readonly GroupLabels[])[],
  ): Promise<boolean> {
    if (fromMs < this.#fromMs || fromMs > this.#toMs) this.#fromMs = this.#toMs = fromMs;
    if (toMs > this.#toMs) {
      const aheadMs = toMs + (TICKS_AHEAD - 1) * this.#stepMs;
      const read =
        (await this.#read(partials, aheadMs, labels)) || (await this.#read(partials, toMs, labels));
      if (!read) return false;
    }
    this.windows.dropBefore(fromMs);
    this.#fromMs = fromMs;
    return true;
  }

  async #read(
    partials: Partials,
    toMs: number,
    labels: (readonly GroupLabels[])[],
  ): Promise<boolean> {
    const parts = await Promise.all(
      this.#rollups.map(({ name }) => partials.history(name, this.#stepMs, this.#toMs, toMs)),
    );
    if (parts.some((part) => part === undefined)) return false;
    parts.forEach((part, side) => {
      if (part === undefined) return;
      this.windows.add(side, part.buckets, part.groups.length);
      labels[side] = part.groups;
    });
    this.#toMs = toMs;
    return true;
  }
}

export interface Compared {
  readonly references?: ArrayLike<number>;
  samples?(id: number): Iterable<number>;
}

export class EarlierWindows {
  readonly #rule: AlarmRule;
  readonly #partials: Partials;
  readonly #groups: RuleGroups;
  readonly #rollups: readonly RollupDefinition[];
  readonly #earlier = new Map<number, Earlier>();
  readonly #columns: Columns[] = [];

  constructor(rule: AlarmRule, partials: Partials, groups: RuleGroups) {
    this.#rule = rule;
    this.#partials = partials;
    this.#groups = groups;
    const { value, over } = compileRule(rule);
    this.#rollups = over === undefined ? [value] : [value, over];
  }

  /** For the tick at `atMs`. `recent` holds what the feed gave. Undefined: not all of it is stored yet. */
  async at(
    atMs: number,
    sinceMs: number,
    recent: RuleWindows,
    labels: (readonly GroupLabels[])[],
  ): Promise<Compared | undefined> {
    const shiftMs = referenceShiftMs(this.#rule);
    if (shiftMs !== undefined) return this.#reference(atMs - shiftMs, recent, labels);
    if (this.#rule.condition.kind === 'anomaly') return this.#samples(atMs, sinceMs, labels);
    return {};
  }

  async #reference(
    toMs: number,
    recent: RuleWindows,
    labels: (readonly GroupLabels[])[],
  ): Promise<Compared | undefined> {
    let windows = recent;
    if (historyMs(this.#rule) > 0) {
      const earlier = this.#of(0);
      const fromMs = toMs - this.#rule.windowMs;
      if (!(await earlier.reach(this.#partials, fromMs, toMs, labels))) return undefined;
      windows = earlier.windows;
    }
    const columns = this.#column(0);
    windows.read(toMs, labels, columns);
    return { references: columns.values };
  }

  async #samples(
    atMs: number,
    sinceMs: number,
    labels: (readonly GroupLabels[])[],
  ): Promise<Compared | undefined> {
    const ends = sampleWindows(this.#rule, atMs, sinceMs);
    const byWeek = Map.groupBy(ends, (endMs) => Math.round((atMs - endMs) / WEEK_MS));
    for (const [week, inWeek] of byWeek) {
      const fromMs = Math.min(...inWeek) - this.#rule.windowMs;
      const isThere = await this.#of(week).reach(
        this.#partials,
        fromMs,
        Math.max(...inWeek),
        labels,
      );
      if (!isThere) return undefined;
    }
    let used = 0;
    for (const [week, inWeek] of byWeek) {
      const { windows } = this.#of(week);
      for (const endMs of inWeek) windows.read(endMs, labels, this.#column(used++));
    }
    const columns = this.#columns.slice(0, used);
    // A group that an earlier window did not know yet has no number in its column.
    return { samples: (id) => columns.map(({ values }) => values[id] ?? Number.NaN) };
  }

  #of(week: number): Earlier {
    let earlier = this.#earlier.get(week);
    if (earlier === undefined) {
      earlier = new Earlier(this.#rule, this.#rollups, this.#groups);
      this.#earlier.set(week, earlier);
    }
    return earlier;
  }

  #column(at: number): Columns {
    let columns = this.#columns[at];
    if (columns === undefined) {
      columns = newColumns();
      this.#columns[at] = columns;
    }
    return columns;
  }
}
