/**
 * One rule over its ticks: which groups exist, what each of them is, and which transitions a tick makes. A function of its
 * inputs alone: what was saved at any tick, restored, gives the same transitions from there on.
 *
 * Existence: a group begins with its first event and is forgotten after `forgetAfterMs` without one; until then it is
 * judged at every tick, with events or without. Saved are the groups that are not ok, and the silent ones: those that are ok
 * and have events in the window are found again there (`recall`).
 */
import assert from 'node:assert/strict';
import type {
  AlarmRule,
  AlarmState,
  AlarmTransition,
  GroupValues,
  Severity,
  TransitionReason,
} from '../model/alarm.ts';
import { type ActiveState, step } from './evaluate.ts';
import { heldAgainst, judge, type Reading } from './judge.ts';
import { baselineOf } from './robust.ts';
import { comparesFromMs, emptyValue, judgesFromMs } from './windows.ts';

/** What the windows that end at one tick hold, in columns by group. NaN: the value cannot be said. */
export interface TickInput {
  readonly atMs: number;
  /** What came before was not counted: the greatest begin over partitions, and over both rollups of a ratio. */
  readonly sinceMs: number;
  /** Ids are 0 to `groupCount - 1`. An id means the same group as long as the run lives; the count only grows. */
  readonly groupCount: number;
  labels(group: number): GroupValues;
  /** Also of groups without events in the window, where that has a value: 0 for a count. */
  readonly values: ArrayLike<number>;
  /** Not zero: the window has events of the group (for a ratio: of either side). */
  readonly hasEvents: ArrayLike<number>;
  /** For a change: the value of the window that it is measured from. */
  readonly references?: ArrayLike<number>;
  /** For an anomaly: the values of `sampleWindows`, in any order. Asked once per existing group. */
  samples?(group: number): Iterable<number>;
  /** Some partition had more groups in this window than it keeps apart. */
  readonly isOverflowing: boolean;
}

/** Plain data. A group that is not ok, one that is silent, or (group `[]` of a rule with `groupBy`) the rule's own error. */
export interface SavedGroup {
  readonly group: GroupValues;
  /** The last tick whose window had events of it. */
  readonly seenMs: number;
  readonly active: ActiveState | null;
}
export interface SavedRun {
  /** The last tick that was evaluated. */
  readonly progressMs: number;
  readonly groups: readonly SavedGroup[];
}
/** What differs from what was taken before; `remove` holds keys, see `groupKey`. */
export interface RunChanges {
  readonly progressMs: number;
  readonly put: readonly SavedGroup[];
  readonly remove: readonly string[];
}

/** One existing group as it is now. */
export interface GroupStatus {
  readonly group: GroupValues;
  readonly state: AlarmState;
  readonly severity: Severity;
  /** Undefined while it is ok. */
  readonly sinceMs: number | undefined;
  /** Of the newest tick; null if it cannot be said, or was not evaluated since the start. */
  readonly value: number | null;
  readonly seenMs: number;
}

interface Group {
  readonly labels: GroupValues;
  readonly key: string;
  /** In the input; -1 if the input does not know it (yet). */
  id: number;
  seenMs: number;
  /** No events in the newest window. */
  isSilent: boolean;
  active: ActiveState | undefined;
  value: number;
}

/** Equal for equal groups; sorts the same everywhere. */
export const groupKey = (group: GroupValues): string => JSON.stringify(group);

const NONE: readonly AlarmTransition[] = [];
const RULE_ITSELF: GroupValues = [];

export class RuleRun {
  readonly rule: AlarmRule;
  readonly #empty: number;
  readonly #isGrouped: boolean;
  readonly #groups = new Map<string, Group>();
  /** By id of the input. */
  readonly #byId: (Group | undefined)[] = [];
  #error: ActiveState | undefined;
  #progressMs: number | undefined;
  /** In the newest tick. */
  #hasJudged = false;
  /** Keys whose saved form is another one since the last `takeChanges`. */
  readonly #touched = new Set<string>();
  /** One for all groups, so that judging allocates nothing. */
  readonly #reading: Reading = {
    value: 0,
    hasEvents: false,
    reference: Number.NaN,
    baseline: undefined,
  };

  constructor(rule: AlarmRule, saved?: SavedRun) {
    this.rule = rule;
    this.#empty = emptyValue(rule);
    this.#isGrouped = rule.groupBy.length > 0;
    this.#progressMs = saved?.progressMs;
    for (const { group, seenMs, active } of saved?.groups ?? []) {
      if (this.#isGrouped && group.length === 0) this.#error = active ?? undefined;
      else this.#begin(group, -1, seenMs, active ?? undefined).isSilent = true;
    }
    this.#touched.clear();
  }

  /** The last tick that was evaluated. */
  get progressMs(): number | undefined {
    return this.#progressMs;
  }

  /** Once after a restore, with the windows of `progressMs`: finds the groups again that were ok and are therefore not saved. */
  recall(input: TickInput): void {
    assert.equal(input.atMs, this.#progressMs, 'recalled is the tick that was evaluated last');
    this.#meet(input);
    for (let id = 0; id < input.groupCount; id++) {
      if (!input.hasEvents[id]) continue;
      // In error every group is saved: one that is not was refused.
      const isRefused = this.#error !== undefined || this.#groups.size >= this.rule.groupsMax;
      const known = this.#byId[id];
      const group = known ?? (isRefused ? undefined : this.#begin(input.labels(id), id, 0));
      if (group === undefined) continue;
      group.seenMs = input.atMs;
      group.isSilent = false;
    }
    this.#touched.clear();
  }

  /** Evaluates the next tick. Ticks come in order, none twice, none left out. The order of the answer is that of `groupKey`. */
  tick(input: TickInput): readonly AlarmTransition[] {
    const { atMs, sinceMs } = input;
    const { rule } = this;
    const isNext = this.#progressMs === undefined || atMs === this.#progressMs + rule.everyMs;
    assert(isNext && atMs % rule.everyMs === 0, `tick ${atMs} after ${this.#progressMs}`);
    this.#progressMs = atMs;
    this.#meet(input);
    const transitions: AlarmTransition[] = [];
    if (this.#isGrouped) this.#admit(input, transitions);
    else if (this.#groups.size === 0) this.#begin(RULE_ITSELF, input.groupCount > 0 ? 0 : -1, 0);

    const mayJudge = atMs >= judgesFromMs(rule, sinceMs);
    this.#hasJudged = mayJudge;
    const mayMiss = atMs >= comparesFromMs(rule, sinceMs);
    for (const group of this.#groups.values()) {
      this.#see(group, input);
      if (this.#isForgotten(group, atMs)) this.#forget(group, atMs, transitions);
      else if (mayJudge) this.#judge(group, input, mayMiss, transitions);
    }
    if (transitions.length < 2) return transitions.length === 0 ? NONE : transitions;
    return transitions.sort((a, b) => (groupKey(a.group) < groupKey(b.group) ? -1 : 1));
  }

  /** Ends the rule at its newest tick: everything that is not ok becomes ok. */
  end(reason: 'ruleChanged' | 'ruleRemoved'): AlarmTransition[] {
    const atMs = this.#progressMs ?? 0;
    const ended: AlarmTransition[] = [];
    if (this.#error)
      ended.push(this.#transition(RULE_ITSELF, this.#error, undefined, reason, atMs));
    for (const { labels, active } of this.#groups.values()) {
      if (active) ended.push(this.#transition(labels, active, undefined, reason, atMs));
    }
    this.#error = undefined;
    this.#groups.clear();
    this.#byId.length = 0;
    return ended.sort((a, b) => (groupKey(a.group) < groupKey(b.group) ? -1 : 1));
  }

  /** Nothing can change until an event comes: the board may pass over ticks whose windows are all empty. */
  get isSteady(): boolean {
    const { condition, keepFiringForMs, escalation } = this.rule;
    const looksBack = condition.kind === 'anomaly' || condition.kind === 'change';
    if (looksBack || this.#error || !this.#hasJudged) return false;
    if (this.#isGrouped) return this.#groups.size === 0;
    const mayMove = keepFiringForMs > 0 || escalation.length > 0;
    for (const { isSilent, active } of this.#groups.values()) {
      if (!isSilent || active?.state === 'pending') return false;
      if (active?.state === 'firing' && mayMove) return false;
    }
    return true;
  }

  /** Passes over ticks whose windows are empty. Only while `isSteady`. */
  skipTo(atMs: number): void {
    assert(this.isSteady && atMs % this.rule.everyMs === 0 && atMs >= (this.#progressMs ?? 0));
    this.#progressMs = atMs;
  }

  /** Groups that exist, those that are ok included; the rule's own error as group `[]`. */
  *groups(): Generator<GroupStatus> {
    if (this.#error) yield this.#status(RULE_ITSELF, this.#error, Number.NaN, 0);
    for (const { labels, active, value, seenMs } of this.#groups.values()) {
      yield this.#status(labels, active, value, seenMs);
    }
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  snapshot(): SavedRun {
    const groups: SavedGroup[] = [];
    if (this.#error) groups.push({ group: RULE_ITSELF, seenMs: 0, active: this.#error });
    for (const group of this.#groups.values()) if (this.#isKept(group)) groups.push(saved(group));
    return { progressMs: this.#progressMs ?? 0, groups };
  }

  /** What to write with this commit. Few rows: a group is written when its state changes, falls silent or is heard again. */
  takeChanges(): RunChanges {
    const put: SavedGroup[] = [];
    const remove: string[] = [];
    for (const key of this.#touched) {
      const group = this.#groups.get(key);
      if (group !== undefined && this.#isKept(group)) put.push(saved(group));
      else if (this.#isGrouped && key === groupKey(RULE_ITSELF) && this.#error) {
        put.push({ group: RULE_ITSELF, seenMs: 0, active: this.#error });
      } else remove.push(key);
    }
    this.#touched.clear();
    return { progressMs: this.#progressMs ?? 0, put, remove };
  }

  /** Binds ids that are new to the groups that were restored. */
  #meet(input: TickInput): void {
    for (let id = this.#byId.length; id < input.groupCount; id++) {
      const group = this.#groups.get(groupKey(input.labels(id)));
      if (group !== undefined) group.id = id;
      this.#byId.push(group);
    }
  }

  /** Lets new groups in as long as there is room, in an order that does not depend on ids; the rule is in error if there is not. */
  #admit(input: TickInput, transitions: AlarmTransition[]): void {
    const { hasEvents, groupCount, atMs } = input;
    const fresh: number[] = [];
    for (let id = 0; id < groupCount; id++) {
      if (this.#byId[id] === undefined && hasEvents[id]) fresh.push(id);
    }
    const room = Math.max(0, this.rule.groupsMax - this.#groups.size);
    const isCrowded = fresh.length > room;
    const admitted =
      isCrowded && room > 0
        ? fresh
            .map((id) => ({ id, key: groupKey(input.labels(id)) }))
            .sort((a, b) => (a.key < b.key ? -1 : 1))
            .map(({ id }) => id)
        : fresh;
    for (const id of admitted.slice(0, room)) this.#begin(input.labels(id), id, atMs);
    this.#setError(isCrowded || input.isOverflowing, atMs, transitions);
  }

  #setError(isError: boolean, atMs: number, transitions: AlarmTransition[]): void {
    const before = this.#error;
    if (isError === (before !== undefined)) return;
    this.#error = isError
      ? {
          state: 'error',
          sinceMs: atMs,
          severity: this.rule.severity,
          abnormalSinceMs: null,
          normalSinceMs: null,
        }
      : undefined;
    const reason = isError ? 'tooManyGroups' : 'normal';
    transitions.push(this.#transition(RULE_ITSELF, before, this.#error, reason, atMs));
    this.#touched.add(groupKey(RULE_ITSELF));
    // While the rule is in error it is saved who is in, because the windows hold those too who are not.
    for (const key of this.#groups.keys()) this.#touched.add(key);
  }

  #begin(labels: GroupValues, id: number, seenMs: number, active?: ActiveState): Group {
    const key = groupKey(labels);
    const group = { labels, key, id, seenMs, isSilent: false, active, value: Number.NaN };
    this.#groups.set(key, group);
    if (id >= 0) this.#byId[id] = group;
    if (this.#error) this.#touched.add(key);
    return group;
  }

  #see(group: Group, input: TickInput): void {
    const isSilent = group.id < 0 || !input.hasEvents[group.id];
    if (!isSilent) group.seenMs = input.atMs;
    if (isSilent === group.isSilent) return;
    group.isSilent = isSilent;
    if (this.#isGrouped) this.#touched.add(group.key);
  }

  /** Its last event left the window one tick after `seenMs`, so it is a window older than that. */
  #isForgotten({ isSilent, seenMs }: Group, atMs: number): boolean {
    const { forgetAfterMs, windowMs } = this.rule;
    return this.#isGrouped && isSilent && atMs - seenMs + windowMs >= forgetAfterMs;
  }

  #forget(group: Group, atMs: number, transitions: AlarmTransition[]): void {
    const { labels, active, key, id } = group;
    if (active) transitions.push(this.#transition(labels, active, undefined, 'forgotten', atMs));
    this.#groups.delete(key);
    this.#touched.add(key);
    if (id >= 0) this.#byId[id] = undefined;
  }

  #judge(group: Group, input: TickInput, mayMiss: boolean, transitions: AlarmTransition[]): void {
    const { rule } = this;
    const { active: before } = group;
    const reading = this.#read(group, input);
    group.value = reading.value;
    const isActive = before?.state === 'pending' || before?.state === 'firing';
    const verdict = judge(rule.condition, reading, isActive);
    if (verdict === 'normal' && before === undefined) return;
    if (verdict === 'unknown' && !mayMiss) return;
    const { next, reason } = step(rule, before, verdict, input.atMs);
    if (next !== before) {
      group.active = next;
      this.#touched.add(group.key);
    }
    if (reason === undefined) return;
    const threshold = heldAgainst(rule.condition, reading, isActive);
    transitions.push(
      this.#transition(group.labels, before, next, reason, input.atMs, reading.value, threshold),
    );
  }

  #read({ id }: Group, input: TickInput): Reading {
    const reading = this.#reading;
    reading.value = id < 0 ? this.#empty : (input.values[id] as number);
    reading.hasEvents = id >= 0 && Boolean(input.hasEvents[id]);
    reading.reference = id < 0 ? this.#empty : (input.references?.[id] ?? Number.NaN);
    reading.baseline =
      id < 0 || input.samples === undefined ? undefined : baselineOf(input.samples(id));
    return reading;
  }

  /** A silent group without a state is kept for its existence; of a rule without groups there is always one. */
  #isKept({ active, isSilent }: Group): boolean {
    return active !== undefined || (this.#isGrouped && (isSilent || this.#error !== undefined));
  }

  #status(
    group: GroupValues,
    active: ActiveState | undefined,
    value: number,
    seenMs: number,
  ): GroupStatus {
    return {
      group,
      state: active?.state ?? 'ok',
      severity: active?.severity ?? this.rule.severity,
      sinceMs: active?.sinceMs,
      value: sayable(value),
      seenMs,
    };
  }

  #transition(
    group: GroupValues,
    before: ActiveState | undefined,
    next: ActiveState | undefined,
    reason: TransitionReason,
    atMs: number,
    value = Number.NaN,
    threshold: number | null = null,
  ): AlarmTransition {
    return {
      tenant: this.rule.tenant,
      rule: this.rule.name,
      group,
      from: before?.state ?? 'ok',
      to: next?.state ?? 'ok',
      reason,
      atMs,
      value: sayable(value),
      threshold,
      severity: (next ?? before)?.severity ?? this.rule.severity,
    };
  }
}

const saved = ({ labels, seenMs, active }: Group): SavedGroup => ({
  group: labels,
  seenMs,
  active: active ?? null,
});

const sayable = (value: number): number | null => (Number.isNaN(value) ? null : value);
