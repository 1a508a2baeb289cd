/** When would a rule have fired? The same evaluation on windows that are past; nothing is kept and nobody is told. */
import type { AlarmRule, AlarmTransition } from '../model/alarm.ts';
import { type GroupStatus, RuleRun, type TickInput } from './rule-run.ts';

/** A dry run that fires this often says enough; a rule that flaps for months must not fill the memory. */
export const DRY_RUN_TRANSITIONS_MAX = 10_000;

export interface DryRun {
  /** In the order of their ticks, the oldest first. */
  readonly transitions: readonly AlarmTransition[];
  readonly ticks: number;
  /** There were more transitions than an answer holds; it ends at the tick that made too many. */
  readonly isTruncated: boolean;
}

/** `ticks` in order, without gaps. `onTick` sees the groups after each of them. */
export function dryRun(
  rule: AlarmRule,
  ticks: Iterable<TickInput>,
  onTick?: (atMs: number, groups: () => Iterable<GroupStatus>) => void,
): DryRun {
  const run = new RuleRun(rule);
  const transitions: AlarmTransition[] = [];
  let count = 0;
  for (const tick of ticks) {
    if (transitions.length >= DRY_RUN_TRANSITIONS_MAX) {
      return { transitions, ticks: count, isTruncated: true };
    }
    transitions.push(...run.tick(tick));
    // A dry run never saves; what changed would only pile up.
    run.takeChanges();
    count++;
    onTick?.(tick.atMs, () => run.groups());
  }
  return { transitions, ticks: count, isTruncated: false };
}
