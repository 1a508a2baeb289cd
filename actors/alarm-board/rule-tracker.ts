/**
 * One rule and the rows that it is evaluated on: follows its rollups, says which tick is next and whether everything for
 * it is there, and gives its run the windows.
 */
import { compileRule } from '../../src/alarm/compile.ts';
import { RuleRun, type SavedRun, type TickInput } from '../../src/alarm/rule-run.ts';
import type { AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';
import type { GroupLabels, Partials, RollupTicks } from '../../src/model/partials.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { EarlierWindows, lookBackMs } from './earlier-windows.ts';
import { GROUP_NUMBERS_MAX, RENEWED_EVERY_MS } from './limits.ts';
import { RuleGroups } from './rule-groups.ts';
import { newColumns, RuleWindows } from './rule-windows.ts';

/** What is known of one of the rule's rollups. */
interface Side {
  readonly rollup: RollupDefinition;
  sinceMs: number;
  closedToMs: number;
}

export class RuleTracker {
  readonly rule: AlarmRule;
  readonly run: RuleRun;
  readonly #partials: Partials;
  readonly #groups = new RuleGroups();
  readonly #windows: RuleWindows;
  readonly #earlier: EarlierWindows;
  readonly #sides: readonly Side[];
  readonly #columns = newColumns();
  readonly #labels: (readonly GroupLabels[])[] = [];
  /** The windows of the newest tick are to be shown to a run that was restored. */
  #mustRecall: boolean;
  #bornMs: number | undefined;

  constructor(rule: AlarmRule, partials: Partials, saved?: SavedRun) {
    this.rule = rule;
    this.run = new RuleRun(rule, saved);
    this.#partials = partials;
    this.#mustRecall = saved !== undefined;
    const { value, over } = compileRule(rule);
    const rollups = over === undefined ? [value] : [value, over];
    this.#windows = new RuleWindows(rule, rollups, this.#groups);
    this.#earlier = new EarlierWindows(rule, partials, this.#groups);
    this.#sides = rollups.map((rollup) => ({ rollup, sinceMs: Number.NaN, closedToMs: -Infinity }));
    this.#labels = rollups.map(() => []);
    const fromMs = saved && Math.max(0, saved.progressMs - lookBackMs(rule));
    for (const rollup of rollups) partials.follow(rollup, fromMs);
  }

  /** The rows of its rollups are wanted no more. */
  close(): void {
    for (const { rollup } of this.#sides) this.#partials.forget(rollup.name);
  }

  /** Its progress is committed: what lies before its windows is not read again. */
  release(progressMs: number): void {
    const fromMs = Math.max(0, progressMs - lookBackMs(this.rule));
    for (const { rollup } of this.#sides) this.#partials.release(rollup.name, fromMs);
  }

  get rollups(): readonly string[] {
    return this.#sides.map(({ rollup }) => rollup.name);
  }

  take(ticks: RollupTicks): void {
    const at = this.#sides.findIndex(({ rollup }) => rollup.name === ticks.rollup.name);
    const side = this.#sides[at];
    if (side === undefined) return;
    side.sinceMs = ticks.sinceMs;
    side.closedToMs = ticks.closedToMs;
    this.#labels[at] = ticks.groups;
    this.#windows.add(at, ticks.buckets, ticks.groups.length);
  }

  /** The next tick, if all partitions have closed what it looks at. */
  get nextMs(): number | undefined {
    const { progressMs } = this.run;
    const next = progressMs === undefined ? this.sinceMs : progressMs + this.rule.everyMs;
    return next <= this.closedToMs ? next : undefined;
  }

  /** Every event before it is known, or late. -Infinity: nothing is known. */
  get closedToMs(): number {
    return Math.min(...this.#sides.map(({ closedToMs }) => closedToMs));
  }

  /** It has so many numbers for groups that it should be made anew from `run.snapshot()`. */
  get isWornOut(): boolean {
    const { progressMs = 0 } = this.run;
    this.#bornMs ??= progressMs;
    const isOld = progressMs - this.#bornMs >= RENEWED_EVERY_MS;
    return isOld && this.#labels.some((labels) => labels.length > GROUP_NUMBERS_MAX);
  }

  /** Evaluates the next tick. Undefined: what it is compared with is not stored yet. */
  async evaluate(): Promise<readonly AlarmTransition[] | undefined> {
    const atMs = this.nextMs;
    if (atMs === undefined) return undefined;
    if (this.#mustRecall) {
      this.run.recall(this.#input(this.run.progressMs ?? atMs));
      this.#mustRecall = false;
    }
    if (this.#passOver(atMs)) return [];
    const compared = await this.#earlier.at(atMs, this.sinceMs, this.#windows, this.#labels);
    if (compared === undefined) return undefined;
    const transitions = this.run.tick({ ...this.#input(atMs), ...compared });
    this.#windows.dropBefore(atMs + this.rule.everyMs - lookBackMs(this.rule));
    return transitions;
  }

  /** After a long silence most ticks look at nothing and change nothing. */
  #passOver(atMs: number): boolean {
    const { run, rule } = this;
    if (!run.isSteady) return false;
    const firstMs = this.#windows.firstFrom(atMs - rule.windowMs) ?? Number.POSITIVE_INFINITY;
    const toMs = Math.min(firstMs, this.closedToMs);
    if (toMs < atMs) return false;
    run.skipTo(toMs - (toMs % rule.everyMs));
    return true;
  }

  /** What came before was counted on no side, or on one only. NaN: that is not known yet. */
  get sinceMs(): number {
    return Math.max(...this.#sides.map(({ sinceMs }) => sinceMs));
  }

  #input(atMs: number): TickInput {
    this.#windows.read(atMs, this.#labels, this.#columns);
    const { values, hasEvents, isOverflowing } = this.#columns;
    const groups = this.#groups;
    return {
      atMs,
      sinceMs: this.sinceMs,
      groupCount: groups.count,
      labels: (id) => groups.labels(id),
      values,
      hasEvents,
      isOverflowing,
    };
  }
}
