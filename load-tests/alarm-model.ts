/**
 * What the alarms of the torture test have to do, computed the plain way from what was sent: every window is added up from
 * its seconds, every state written out. Shares nothing with the server but the meaning of a rule.
 */

/** What came of one service in one second. */
export interface Second {
  count: number;
  errors: number;
  amount: number;
}

export const LATENESS_S = 8;

interface RuleModel {
  readonly windowS: number;
  readonly forS: number;
  readonly keepS: number;
  /** Abnormal for so long: critical. */
  readonly escalatesAfterS: number;
  readonly isGrouped: boolean;
  /** Undefined: it cannot be said, which is normal for these rules. */
  readonly value: (window: Second) => number | undefined;
  readonly isAbnormal: (value: number, isActive: boolean) => boolean;
  /** The same as the configuration has it. */
  readonly config: Readonly<Record<string, unknown>>;
}

const plain = { forS: 0, keepS: 0, escalatesAfterS: Number.POSITIVE_INFINITY, isGrouped: true };
const count = ({ count }: Second): number => count;

export const RULES: Readonly<Record<string, RuleModel>> = {
  busy: {
    ...plain,
    windowS: 3,
    escalatesAfterS: 6,
    value: count,
    isAbnormal: (value) => value > 18,
    config: { above: 18, escalation: [{ afterWindows: 2, severity: 'critical' }] },
  },
  busy_for: {
    ...plain,
    windowS: 3,
    forS: 4,
    keepS: 3,
    value: count,
    isAbnormal: (value) => value > 18,
    config: { above: 18, for: '4s', keepFiringFor: '3s' },
  },
  quiet: {
    ...plain,
    windowS: 4,
    value: count,
    isAbnormal: (value) => value === 0,
    config: { noData: true },
  },
  failing: {
    ...plain,
    windowS: 5,
    value: ({ count, errors }) => (count === 0 ? undefined : errors / count),
    isAbnormal: (value, isActive) => value > (isActive ? 0.2 : 0.5),
    config: {
      filter: [{ field: 'type', in: ['error'] }],
      over: {},
      above: { fire: 0.5, clear: 0.2 },
    },
  },
  total: {
    ...plain,
    windowS: 2,
    isGrouped: false,
    value: ({ amount }) => amount,
    isAbnormal: (value, isActive) => value > (isActive ? 900 : 1_000),
    config: { measure: 'sum(amount)', above: { fire: 1_000, clear: 900 } },
  },
};

/** As the configuration writes them. */
export const ruleConfigs = (): Record<string, unknown>[] =>
  Object.entries(RULES).map(([name, { windowS, isGrouped, config }]) => ({
    name,
    window: `${windowS}s`,
    every: '1s',
    lateness: `${LATENESS_S}s`,
    ...(isGrouped && { groupBy: ['service'] }),
    ...config,
  }));

export interface Change {
  readonly rule: string;
  readonly service: string;
  readonly atS: number;
  readonly from: 'ok' | 'pending' | 'firing';
  readonly to: 'ok' | 'pending' | 'firing';
  readonly reason: string;
  readonly severity: 'warning' | 'critical';
  readonly value: number | undefined;
}

/** All changes up to and with the tick `toS`. Seconds of a service count from its first one. */
export function changesOf(
  sent: ReadonlyMap<string, ReadonlyMap<number, Second>>,
  fromS: number,
  toS: number,
): Change[] {
  return Object.entries(RULES).flatMap(([rule, model]) => {
    const groups = model.isGrouped ? [...sent.keys()].map((name) => [name]) : [[...sent.keys()]];
    return groups.flatMap((services) => {
      const service = model.isGrouped ? (services[0] as string) : '';
      const seconds = services.map((name) => sent.get(name) ?? new Map<number, Second>());
      return changesOfOne(model, seconds, fromS, toS).map((change) => ({
        ...change,
        rule,
        service,
      }));
    });
  });
}

/** One alarm as it is. */
interface Alarm {
  state: Change['from'];
  severity: Change['severity'];
  abnormalSinceS: number | undefined;
  normalSinceS: number | undefined;
}
const calmAlarm = (): Alarm => ({
  state: 'ok',
  severity: 'warning',
  abnormalSinceS: undefined,
  normalSinceS: undefined,
});

function changesOfOne(
  model: RuleModel,
  seconds: readonly ReadonlyMap<number, Second>[],
  fromS: number,
  toS: number,
): Omit<Change, 'rule' | 'service'>[] {
  const changes: Omit<Change, 'rule' | 'service'>[] = [];
  let alarm = calmAlarm();
  for (let atS = fromS + 1; atS <= toS; atS++) {
    const value = model.value(sumOf(seconds, atS - model.windowS, atS));
    const isBad = value !== undefined && model.isAbnormal(value, alarm.state !== 'ok');
    const from = alarm.state;
    const reason = isBad ? afterBad(model, alarm, atS) : afterGood(model, alarm, atS);
    const { state: to, severity } = alarm;
    if (reason !== undefined) changes.push({ atS, from, to, reason, severity, value });
    if (to === 'ok') alarm = calmAlarm();
  }
  return changes;
}

/** Answers why the alarm has changed; undefined: it has not. */
function afterBad(
  { forS, escalatesAfterS }: RuleModel,
  alarm: Alarm,
  atS: number,
): string | undefined {
  alarm.abnormalSinceS ??= atS;
  alarm.normalSinceS = undefined;
  const badForS = atS - alarm.abnormalSinceS;
  if (alarm.state === 'firing') {
    if (alarm.severity === 'critical' || badForS < escalatesAfterS) return undefined;
    alarm.severity = 'critical';
    return 'escalated';
  }
  const wasPending = alarm.state === 'pending';
  if (badForS >= forS) {
    alarm.state = 'firing';
    return wasPending ? 'abnormalLongEnough' : 'abnormal';
  }
  alarm.state = 'pending';
  return wasPending ? undefined : 'abnormal';
}

function afterGood({ keepS }: RuleModel, alarm: Alarm, atS: number): string | undefined {
  if (alarm.state === 'ok') return undefined;
  alarm.abnormalSinceS = undefined;
  alarm.normalSinceS ??= atS;
  const wasFiring = alarm.state === 'firing';
  if (wasFiring && atS - alarm.normalSinceS < keepS) return undefined;
  alarm.state = 'ok';
  return wasFiring && keepS > 0 ? 'normalLongEnough' : 'normal';
}

function sumOf(
  services: readonly ReadonlyMap<number, Second>[],
  fromS: number,
  toS: number,
): Second {
  const sum = { count: 0, errors: 0, amount: 0 };
  for (const seconds of services) {
    for (let second = fromS; second < toS; second++) {
      const { count = 0, errors = 0, amount = 0 } = seconds.get(second) ?? {};
      sum.count += count;
      sum.errors += errors;
      sum.amount += amount;
    }
  }
  return sum;
}
