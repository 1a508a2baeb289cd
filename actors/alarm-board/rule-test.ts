/**
 * When would a rule have fired? Runs it over the rows that some rule at work counts in the same way, up to where they are
 * kept; nothing is written and nobody is told.
 */
import { compileRule } from '../../src/alarm/compile.ts';
import type { AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';
import type { RuleTest } from '../../src/model/alarm-board.ts';
import type { Partials } from '../../src/model/partials.ts';
import { identityOf, type RollupDefinition } from '../../src/model/rollup.ts';
import { lookBackMs } from './earlier-windows.ts';
import { RULE_TEST_TRANSITIONS_MAX } from './limits.ts';
import { RuleTracker } from './rule-tracker.ts';

/** Ticks whose rows are read at once; fewer where the newest are not stored yet. */
const TICKS_AT_ONCE = 256;

/** Rows that a rule can be tried on. */
export interface TestRows {
  /** Names of the rollups, in the order of the rule's own. */
  readonly rollups: readonly string[];
  readonly sinceMs: number;
  readonly closedToMs: number;
  readonly keptMs: number;
}

/** What is read of a rule, as compiled. */
export const rollupsOf = (rule: AlarmRule): RollupDefinition[] => {
  const { value, over } = compileRule(rule);
  return over === undefined ? [value] : [value, over];
};

/** Undefined: no rule at work counts what this one would. */
export function rowsFor(rule: AlarmRule, trackers: readonly RuleTracker[]): TestRows | undefined {
  const wanted = rollupsOf(rule).map(countingOf);
  for (const tracker of trackers) {
    const rollups = rollupsOf(tracker.rule);
    const isSame = wanted.every((counting, i) => {
      const rollup = rollups[i];
      return rollup !== undefined && countingOf(rollup) === counting;
    });
    if (!isSame || !Number.isFinite(tracker.sinceMs)) continue;
    return {
      rollups: rollups.slice(0, wanted.length).map(({ name }) => name),
      sinceMs: tracker.sinceMs,
      closedToMs: tracker.closedToMs,
      keptMs: rollups[0]?.resolutions[0]?.retentionMs ?? 0,
    };
  }
  return undefined;
}

/** Equal if two rollups count the same events alike, whatever they are called and however long they are kept. */
const countingOf = (rollup: RollupDefinition): string =>
  identityOf({
    ...rollup,
    name: '',
    seriesMax: 0,
    resolutions: rollup.resolutions.map(({ stepMs }) => ({ stepMs, retentionMs: 0 })),
  });

/** Evaluates the ticks in `[fromMs, toMs]`. */
export async function testRule(
  rule: AlarmRule,
  rows: TestRows,
  partials: Pick<Partials, 'history'>,
  fromMs: number,
  toMs: number,
): Promise<RuleTest> {
  const { everyMs } = rule;
  const rollups = rollupsOf(rule);
  const nameOf = new Map(rollups.map(({ name }, i) => [name, rows.rollups[i] ?? name]));
  const history: Partials['history'] = (name, ...range) =>
    partials.history(nameOf.get(name) ?? name, ...range);
  const earliestMs = Math.max(rows.sinceMs, rows.closedToMs - rows.keptMs + lookBackMs(rule));
  const startMs = Math.ceil(Math.max(fromMs, earliestMs) / everyMs) * everyMs;
  const endMs = Math.floor(Math.min(toMs, rows.closedToMs) / everyMs) * everyMs;
  const tracker = new RuleTracker(
    rule,
    { follow: () => {}, release: () => {}, forget: () => {}, poll: async () => [], history },
    { progressMs: startMs - everyMs, groups: [] },
  );
  const transitions: AlarmTransition[] = [];
  let readTo = Math.max(0, startMs - everyMs - lookBackMs(rule));
  let ticks = TICKS_AT_ONCE;
  while (readTo < endMs && transitions.length <= RULE_TEST_TRANSITIONS_MAX) {
    const next = Math.min(endMs, readTo + ticks * everyMs);
    const from = readTo;
    const parts = await Promise.all(rollups.map(({ name }) => history(name, everyMs, from, next)));
    if (parts.includes(undefined)) {
      if (next - from <= everyMs) break;
      ticks = Math.ceil((next - from) / everyMs / 2);
      continue;
    }
    parts.forEach((part, i) => {
      const rollup = rollups[i];
      if (part === undefined || rollup === undefined) return;
      tracker.take({ rollup, sinceMs: rows.sinceMs, fromMs: from, closedToMs: next, ...part });
    });
    readTo = next;
    while (tracker.nextMs !== undefined) {
      const made = await tracker.evaluate();
      if (made === undefined) break;
      transitions.push(...made);
    }
  }
  const { progressMs = startMs } = tracker.run;
  return {
    transitions: transitions.slice(0, RULE_TEST_TRANSITIONS_MAX),
    ticks: Math.max(0, (progressMs - startMs) / everyMs + 1),
    fromMs: startMs,
    toMs: progressMs,
    isTruncated: transitions.length > RULE_TEST_TRANSITIONS_MAX,
  };
}
