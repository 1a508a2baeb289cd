/** What a run of the old rule leaves to the new one of the same name. */
import type { AlarmRule, AlarmTransition } from '../model/alarm.ts';
import { identityOf } from '../model/rollup.ts';
import { compileRule, evaluationOf } from './compile.ts';
import { RuleRun } from './rule-run.ts';

export interface RuleChange {
  readonly run: RuleRun;
  /** Everything that was not ok, as ended by the change; none if the states live on. */
  readonly ended: readonly AlarmTransition[];
}

/**
 * Only other texts: the states live on. Other bounds or times, but the same events counted alike: what was not ok ends, and the
 * groups are remembered, so that one that has been silent for an hour is still missed. Anything else: a new beginning.
 * Whoever stores rows of the run replaces all of them by those of `run.snapshot()`.
 */
export function replaceRule(old: RuleRun, rule: AlarmRule): RuleChange {
  const isSameAlarm = evaluationOf(old.rule) === evaluationOf(rule);
  if (isSameAlarm) return { run: new RuleRun(rule, old.snapshot()), ended: [] };
  const { progressMs } = old;
  const widerMs = rule.windowMs - old.rule.windowMs;
  const groups = [...old.groups()]
    .filter(({ group }) => group.length === rule.groupBy.length)
    // Its last event was a window before it was last seen; another window sees it for another time.
    .map(({ group, seenMs }) => ({ group, seenMs: seenMs + widerMs, active: null }));
  const ended = old.end('ruleChanged');
  const goesOn = progressMs !== undefined && foldOf(old.rule) === foldOf(rule);
  return { run: goesOn ? new RuleRun(rule, { progressMs, groups }) : new RuleRun(rule), ended };
}

/** Equal if partitions go on with the same rows: how long they are kept, and how many series there may be, does not count. */
function foldOf(rule: AlarmRule): string {
  const { value, over } = compileRule(rule);
  return [value, over]
    .map((rollup) => {
      if (rollup === undefined) return '';
      const resolutions = rollup.resolutions.map(({ stepMs }) => ({ stepMs, retentionMs: 0 }));
      return identityOf({ ...rollup, resolutions, seriesMax: 0 });
    })
    .join('\n');
}
