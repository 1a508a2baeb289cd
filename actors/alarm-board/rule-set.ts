/** All rules at work: which tick is next, what ends when a rule changes, and what of their runs is to be committed. */
import { evaluationOf } from '../../src/alarm/compile.ts';
import { afterChange } from '../../src/alarm/rule-change.ts';
import { RuleRun } from '../../src/alarm/rule-run.ts';
import type { AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';
import type { Partials } from '../../src/model/partials.ts';
import type { StateOp } from '../../storage/state/state.ts';
import { nameKey } from './hashes.ts';
import { runEndOps, runOps, type StoredRun } from './rows.ts';
import { RuleTracker } from './rule-tracker.ts';

/** Transitions of one rule, as it was when it made them. */
export interface RuleTransitions {
  readonly rule: AlarmRule;
  readonly transitions: readonly AlarmTransition[];
}

export class RuleSet {
  readonly #partials: Partials;
  readonly #trackers = new Map<string, RuleTracker>();
  /** When each was brought to work, by the wall clock. */
  readonly #addedMs = new Map<string, number>();
  /** By rollup. */
  readonly #byRollup = new Map<string, RuleTracker>();
  /** By tenant. */
  readonly #evaluations = new Map<string, number>();
  /** Progress that is being written. */
  readonly #written = new Map<RuleTracker, number>();
  #progressCommittedMs = Number.NEGATIVE_INFINITY;

  constructor(partials: Partials) {
    this.#partials = partials;
  }

  get evaluations(): number {
    return [...this.#evaluations.values()].reduce((sum, each) => sum + each, 0);
  }

  evaluationsOf(tenant: string): number {
    return this.#evaluations.get(tenant) ?? 0;
  }

  all(): Iterable<RuleTracker> {
    return this.#trackers.values();
  }

  of(tenant: string): RuleTracker[] {
    return [...this.#trackers.values()].filter(({ rule }) => rule.tenant === tenant);
  }

  /**
   * Brings a rule to work, in place of its former form if it has one. `former` is that form's run, from the store or at work.
   * Answers the end of what no longer holds, and what is to be written with it.
   */
  put(
    rule: AlarmRule,
    nowMs: number,
    former?: StoredRun,
  ): { ended: RuleTransitions[]; ops: StateOp[] } {
    this.drop(rule);
    this.#addedMs.set(nameKey(rule), nowMs);
    if (former === undefined) {
      this.#track(new RuleTracker(rule, this.#partials));
      return { ended: [], ops: [] };
    }
    if (evaluationOf(former.rule) === evaluationOf(rule)) {
      this.#track(new RuleTracker(rule, this.#partials, former));
      return { ended: [], ops: [] };
    }
    // It goes on where its former form was: what lies before was that one's to judge.
    const saved = afterChange(former, former.rule, rule);
    const ended = this.#end(former, 'ruleChanged');
    this.#track(new RuleTracker(rule, this.#partials, saved));
    return {
      ended: ended.ended,
      ops: [
        ...ended.ops,
        ...runOps(rule, { progressMs: saved.progressMs, put: saved.groups, remove: [] }),
      ],
    };
  }

  remove(former: StoredRun): { ended: RuleTransitions[]; ops: StateOp[] } {
    this.drop(former.rule);
    return this.#end(former, 'ruleRemoved');
  }

  /** The run of a rule at work. Undefined: it has not evaluated anything yet. */
  runOf(name: { readonly tenant: string; readonly name: string }): StoredRun | undefined {
    const tracker = this.#trackers.get(nameKey(name));
    if (tracker?.run.progressMs === undefined) return undefined;
    return { rule: tracker.rule, ...tracker.run.snapshot() };
  }

  /** Stops following a rule. */
  drop(name: { readonly tenant: string; readonly name: string }): void {
    const tracker = this.#trackers.get(nameKey(name));
    tracker?.close();
    for (const rollup of tracker?.rollups ?? []) this.#byRollup.delete(rollup);
    this.#trackers.delete(nameKey(name));
    this.#addedMs.delete(nameKey(name));
  }

  /** How far the slowest rule's newest tick lies behind the clock, lateness not counted. One without any is behind since it was added. */
  lagMs(nowMs: number, tenant?: string): number {
    let lagMs = 0;
    for (const [key, { rule, run }] of this.#trackers) {
      if (tenant !== undefined && rule.tenant !== tenant) continue;
      const { everyMs, latenessMs } = rule;
      const judgedToMs = run.progressMs ?? this.#addedMs.get(key) ?? nowMs;
      lagMs = Math.max(lagMs, nowMs - judgedToMs - everyMs - latenessMs);
    }
    return lagMs;
  }

  async poll(): Promise<void> {
    for (const ticks of await this.#partials.poll()) {
      this.#byRollup.get(ticks.rollup.name)?.take(ticks);
    }
  }

  /**
   * Evaluates what is there, the earliest ticks first, and answers whether something is left because `mayGoOn` said no.
   * Transitions are handed out in the order of their ticks.
   */
  async evaluate(
    mayGoOn: () => boolean,
    onTransitions: (transitions: RuleTransitions) => void,
  ): Promise<boolean> {
    /** What they are compared with is not stored yet. */
    const waiting = new Set<RuleTracker>();
    for (;;) {
      let atMs = Number.POSITIVE_INFINITY;
      let next: RuleTracker[] = [];
      for (const tracker of this.#trackers.values()) {
        const nextMs = tracker.nextMs;
        if (nextMs === undefined || nextMs > atMs || waiting.has(tracker)) continue;
        if (nextMs < atMs) next = [];
        atMs = nextMs;
        next.push(tracker);
      }
      if (next.length === 0) return false;
      for (const tracker of next) {
        const transitions = await tracker.evaluate();
        if (transitions === undefined) {
          waiting.add(tracker);
          continue;
        }
        const { tenant } = tracker.rule;
        this.#evaluations.set(tenant, this.evaluationsOf(tenant) + 1);
        if (transitions.length > 0) onTransitions({ rule: tracker.rule, transitions });
      }
      if (!mayGoOn()) return true;
    }
  }

  /** The rows of all runs that have changed; of the others how far they are, now and then. */
  takeOps(nowMs: number, progressEveryMs: number): StateOp[] {
    const isProgressDue = nowMs - this.#progressCommittedMs >= progressEveryMs;
    if (isProgressDue) this.#progressCommittedMs = nowMs;
    const ops: StateOp[] = [];
    for (const tracker of this.#trackers.values()) {
      const { rule, run } = tracker;
      if (run.progressMs === undefined) continue;
      const changes = run.takeChanges();
      if (isProgressDue || changes.put.length + changes.remove.length > 0) {
        for (const op of runOps(rule, changes)) ops.push(op);
        this.#written.set(tracker, run.progressMs);
      }
    }
    return ops;
  }

  /** What `takeOps` answered is in the store: rows behind it may go. */
  committed(): void {
    for (const [tracker, progressMs] of this.#written) tracker.release(progressMs);
    this.#written.clear();
  }

  /** Gives new numbers to the groups of rules that have used up too many. Only when everything that they changed is taken. */
  renew(): void {
    for (const { rule, run, isWornOut } of [...this.#trackers.values()]) {
      if (isWornOut) this.#track(new RuleTracker(rule, this.#partials, run.snapshot()));
    }
  }

  #track(tracker: RuleTracker): void {
    this.#trackers.set(nameKey(tracker.rule), tracker);
    for (const rollup of tracker.rollups) this.#byRollup.set(rollup, tracker);
  }

  #end(
    former: StoredRun,
    reason: 'ruleChanged' | 'ruleRemoved',
  ): { ended: RuleTransitions[]; ops: StateOp[] } {
    const { rule } = former;
    const transitions = new RuleRun(rule, former).end(reason);
    return {
      ended: transitions.length === 0 ? [] : [{ rule, transitions }],
      ops: runEndOps(former),
    };
  }
}
