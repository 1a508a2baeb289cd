/** Alarms as people see them: what rules say of their groups, joined with what the board says of who is told. */
import { annotationsOf } from '../../src/alarm/annotations.ts';
import { type GroupStatus, groupKey } from '../../src/alarm/rule-run.ts';
import { ALARM_STATES, type AlarmRule, type AlarmState } from '../../src/model/alarm.ts';
import type { AlarmPage, AlarmQuery, AlarmView } from '../../src/model/alarm-board.ts';
import { AppError } from '../../src/model/errors.ts';
import { alarmId } from './hashes.ts';
import { PAGE_MAX } from './limits.ts';
import type { BoardMachine } from './machine.ts';
import { compileMatchers } from './matchers.ts';
import type { RuleTracker } from './rule-tracker.ts';
import { alarmLabels } from './told.ts';

export type StateCounts = Record<AlarmState, number>;

export function countStates(trackers: Iterable<RuleTracker>): StateCounts {
  const counts = { ok: 0, pending: 0, firing: 0, noData: 0, error: 0 };
  for (const { run } of trackers) {
    for (const { state } of run.groups()) counts[state] += 1;
  }
  return counts;
}

const NOT_OK = ALARM_STATES.filter((state) => state !== 'ok');

interface Found {
  readonly rule: AlarmRule;
  readonly status: GroupStatus;
  readonly key: string;
}

/** `trackers` are those of the tenant. Throws `query_invalid`. */
export function alarmPage(
  { rule, states = NOT_OK, matchers = [], first, after }: AlarmQuery,
  trackers: readonly RuleTracker[],
  machine: BoardMachine,
  nowMs: number,
): AlarmPage {
  const test = compileMatchers(matchers);
  const found: Found[] = [];
  for (const tracker of trackers) {
    if (rule !== undefined && tracker.rule.name !== rule) continue;
    for (const status of tracker.run.groups()) {
      if (!states.includes(status.state)) continue;
      if (matchers.length > 0 && !test(alarmLabels(tracker.rule, status))) continue;
      found.push({ rule: tracker.rule, status, key: groupKey(status.group) });
    }
  }
  found.sort((a, b) => compare(a.rule.name, b.rule.name) || compare(a.key, b.key));
  const from = after === undefined ? 0 : placeBehind(found, after);
  const shown = found.slice(from, from + Math.min(first, PAGE_MAX));
  return {
    alarms: shown.map(({ rule: of, status }) => viewOf(of, status, machine, nowMs)),
    total: found.length,
    hasMore: from + shown.length < found.length,
  };
}

function viewOf(
  rule: AlarmRule,
  status: GroupStatus,
  machine: BoardMachine,
  nowMs: number,
): AlarmView {
  const { group, state, severity, sinceMs, value } = status;
  const id = alarmId(rule.tenant, rule.name, group);
  const standing = machine.standing(id, nowMs);
  const labels = alarmLabels(rule, status);
  return {
    id,
    tenant: rule.tenant,
    rule: rule.name,
    group,
    labels,
    annotations: standing?.current.annotations ?? annotationsOf(rule, labels, value, null),
    state,
    severity,
    sinceMs: sinceMs ?? null,
    value,
    silencedBy: standing?.silencedBy ?? [],
    isInhibited: standing?.isInhibited ?? false,
    isSuppressed: standing?.isSuppressed ?? false,
    acknowledgement: standing?.acknowledgement ?? null,
  };
}

/** An alarm that has left the list since takes the pages behind it along; then the reader begins again. */
function placeBehind(found: readonly Found[], after: string): number {
  const at = found.findIndex(
    ({ rule, status }) => alarmId(rule.tenant, rule.name, status.group) === after,
  );
  if (at < 0) {
    throw new AppError(
      'query_invalid',
      `"after" must be an alarm of this list, received "${after}"`,
    );
  }
  return at + 1;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
