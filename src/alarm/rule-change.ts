/** What a rule leaves to its next form. */
import type { AlarmRule } from '../model/alarm.ts';
import { identityOf } from '../model/rollup.ts';
import { compileRule } from './compile.ts';
import type { SavedRun } from './rule-run.ts';

/**
 * Where the changed rule begins, if its alarms are not the same any more (`evaluationOf`): where the former one was, because what
 * lies before was that one's to judge. With the same events counted alike it remembers the groups, so that one that has been
 * silent for an hour is still missed; no group has a state. `recall` finds the groups that have events.
 */
export function afterChange(former: SavedRun, was: AlarmRule, rule: AlarmRule): SavedRun {
  const progressMs = former.progressMs - (former.progressMs % rule.everyMs);
  if (foldOf(was) !== foldOf(rule)) return { progressMs, groups: [] };
  // A group's last event was a window before it was last seen; another window sees it for another time.
  const widerMs = rule.windowMs - was.windowMs;
  const groups = former.groups
    .filter(({ group }) => group.length > 0 && group.length === rule.groupBy.length)
    .slice(0, rule.groupsMax)
    .map(({ group, seenMs }) => ({ group, seenMs: seenMs + widerMs, active: null }));
  return { progressMs, groups };
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
