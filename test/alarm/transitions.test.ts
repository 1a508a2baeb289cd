/** The table of docs/alarms.md: every transition between states, and those that must not be. */
import test from 'ava';
import type { AlarmRule } from '../../src/model/alarm.ts';
import { ABOVE_100, MINUTE, run } from './ticks.ts';

const HYSTERESIS = { kind: 'threshold', above: { fire: 100, clear: 80 } } as const;
const LOW = { kind: 'threshold', below: { fire: 5, clear: 10 } } as const;
const P99 = { op: 'quantile', field: 'ms', q: 0.99 } as const;
const ESCALATES: Partial<AlarmRule> = {
  severity: 'info',
  escalation: [
    { afterWindows: 2, severity: 'warning' },
    { afterWindows: 3, severity: 'critical' },
  ],
};

const TABLE: readonly [
  fact: string,
  rule: Partial<AlarmRule>,
  windows: string,
  expected: string[],
][] = [
  ['a normal window stays ok', {}, '0 50 100', []],
  ['the bound itself is normal', {}, '100 100', []],
  [
    'without "for" the first abnormal window fires',
    {},
    '0 101 102 0',
    ['2 ok>firing abnormal warning 101/100', '4 firing>ok normal warning 0/100'],
  ],
  [
    'with "for" it is pending first, and fires when it has been abnormal so long',
    { forMs: 2 * MINUTE },
    '101 102 103 0',
    [
      '1 ok>pending abnormal warning 101/100',
      '3 pending>firing abnormalLongEnough warning 103/100',
      '4 firing>ok normal warning 0/100',
    ],
  ],
  [
    'one normal window ends pending, and "for" begins anew',
    { forMs: 2 * MINUTE },
    '101 101 0 101 101 101',
    [
      '1 ok>pending abnormal warning 101/100',
      '3 pending>ok normal warning 0/100',
      '4 ok>pending abnormal warning 101/100',
      '6 pending>firing abnormalLongEnough warning 101/100',
    ],
  ],
  [
    'it keeps firing until it has been normal for keepFiringFor',
    { keepFiringForMs: 2 * MINUTE },
    '101 0 0 0',
    ['1 ok>firing abnormal warning 101/100', '4 firing>ok normalLongEnough warning 0/100'],
  ],
  [
    'an abnormal window in between begins keepFiringFor anew, silently',
    { keepFiringForMs: 2 * MINUTE },
    '101 0 101 0 0 0',
    ['1 ok>firing abnormal warning 101/100', '6 firing>ok normalLongEnough warning 0/100'],
  ],
  [
    'between the bounds a firing alarm fires on, and an ok one stays ok',
    { condition: HYSTERESIS },
    '90 101 90 81 80 90',
    ['2 ok>firing abnormal warning 101/100', '5 firing>ok normal warning 80/80'],
  ],
  [
    'between the bounds a pending alarm goes on',
    { condition: HYSTERESIS, forMs: MINUTE },
    '101 90',
    ['1 ok>pending abnormal warning 101/100', '2 pending>firing abnormalLongEnough warning 90/80'],
  ],
  [
    'a lower bound, with its own hysteresis; no events are a count of zero',
    { condition: LOW },
    '7 0 7 10',
    ['2 ok>firing abnormal warning 0/5', '4 firing>ok normal warning 10/10'],
  ],
  [
    'a value that cannot be said makes noData, which people are told of',
    { measure: P99 },
    '50 - 50',
    ['2 ok>noData noValue warning -/-', '3 noData>ok normal warning 50/100'],
  ],
  [
    'noData stays noData without a word',
    { measure: P99 },
    '- - -',
    ['1 ok>noData noValue warning -/-'],
  ],
  [
    'a firing alarm whose value cannot be said any more becomes noData, and fires anew',
    { measure: P99 },
    '101 - 101 0',
    [
      '1 ok>firing abnormal warning 101/100',
      '2 firing>noData noValue warning -/-',
      '3 noData>firing abnormal warning 101/100',
      '4 firing>ok normal warning 0/100',
    ],
  ],
  [
    'noData interrupts pending: "for" begins anew',
    { measure: P99, forMs: MINUTE },
    '101 - 101 101',
    [
      '1 ok>pending abnormal warning 101/100',
      '2 pending>noData noValue warning -/-',
      '3 noData>pending abnormal warning 101/100',
      '4 pending>firing abnormalLongEnough warning 101/100',
    ],
  ],
  [
    'policy ok: no value is normal',
    { measure: P99, onNoValue: 'ok' },
    '101 - 101',
    [
      '1 ok>firing abnormal warning 101/100',
      '2 firing>ok normal warning -/-',
      '3 ok>firing abnormal warning 101/100',
    ],
  ],
  [
    'policy firing: no value is abnormal, and "for" counts it',
    { measure: P99, onNoValue: 'firing', forMs: MINUTE },
    '50 - - 50',
    [
      '2 ok>pending abnormal warning -/-',
      '3 pending>firing abnormalLongEnough warning -/-',
      '4 firing>ok normal warning 50/100',
    ],
  ],
  ['policy keep: ok stays ok', { measure: P99, onNoValue: 'keep' }, '50 - - 50', []],
  [
    'policy keep: pending goes on and comes to fire',
    { measure: P99, onNoValue: 'keep', forMs: 2 * MINUTE },
    '101 - -',
    ['1 ok>pending abnormal warning 101/100', '3 pending>firing abnormalLongEnough warning -/-'],
  ],
  [
    'policy keep: firing goes on',
    { measure: P99, onNoValue: 'keep' },
    '101 - - 101 50',
    ['1 ok>firing abnormal warning 101/100', '5 firing>ok normal warning 50/100'],
  ],
  [
    'policy keep: keepFiringFor goes on',
    { measure: P99, onNoValue: 'keep', keepFiringForMs: 2 * MINUTE },
    '101 50 - -',
    ['1 ok>firing abnormal warning 101/100', '4 firing>ok normalLongEnough warning -/-'],
  ],
  [
    'the severity rises while windows stay abnormal, one transition a step',
    ESCALATES,
    '101 101 101 101 101 0',
    [
      '1 ok>firing abnormal info 101/100',
      '3 firing>firing escalated warning 101/100',
      '4 firing>firing escalated critical 101/100',
      '6 firing>ok normal critical 0/100',
    ],
  ],
  [
    'a normal window interrupts escalation; the severity that was reached stays',
    { ...ESCALATES, keepFiringForMs: 5 * MINUTE },
    '101 101 101 0 101 101 101 101',
    [
      '1 ok>firing abnormal info 101/100',
      '3 firing>firing escalated warning 101/100',
      '8 firing>firing escalated critical 101/100',
    ],
  ],
  [
    'the severity that was reached stays while there is no data, and behind it',
    { ...ESCALATES, measure: P99, onNoValue: 'noData' },
    '101 101 101 - 101 50',
    [
      '1 ok>firing abnormal info 101/100',
      '3 firing>firing escalated warning 101/100',
      '4 firing>noData noValue warning -/-',
      '5 noData>firing abnormal warning 101/100',
      '6 firing>ok normal warning 50/100',
    ],
  ],
  [
    'what was pending long enough fires with the severity that is due',
    { ...ESCALATES, forMs: 2 * MINUTE },
    '101 101 101 101',
    [
      '1 ok>pending abnormal info 101/100',
      '3 pending>firing abnormalLongEnough warning 101/100',
      '4 firing>firing escalated critical 101/100',
    ],
  ],
  [
    'the next alarm begins with the severity of the rule',
    ESCALATES,
    '101 101 101 0 101',
    [
      '1 ok>firing abnormal info 101/100',
      '3 firing>firing escalated warning 101/100',
      '4 firing>ok normal warning 0/100',
      '5 ok>firing abnormal info 101/100',
    ],
  ],
  [
    'the noData condition fires in a window without events and ends with the first event',
    { condition: { kind: 'noData' } },
    '3 0 0 1',
    ['2 ok>firing abnormal warning 0/-', '4 firing>ok normal warning 1/-'],
  ],
  [
    'the noData condition knows "for"',
    { condition: { kind: 'noData' }, forMs: MINUTE },
    '3 0 0',
    ['2 ok>pending abnormal warning 0/-', '3 pending>firing abnormalLongEnough warning 0/-'],
  ],
  [
    'a ratio whose denominator is zero has no value',
    { over: { measure: { op: 'count' }, filter: [] }, condition: ABOVE_100 },
    '1 - 101',
    ['2 ok>noData noValue warning -/-', '3 noData>firing abnormal warning 101/100'],
  ],
];

for (const [fact, rule, windows, expected] of TABLE) {
  test(fact, (t) => {
    t.deepEqual(run(rule, windows), expected);
  });
}

const versus = (by: 'absolute' | 'percent', bounds: object, windows: string, references: string) =>
  run(
    {
      condition: { kind: 'change', versus: 'windowBefore', by, ...bounds },
      windowMs: 0,
    },
    { windows, references },
  );

test('a change is measured from its reference, which is the threshold that people see', (t) => {
  const up = { above: { fire: 50, clear: 50 } };
  t.deepEqual(versus('percent', up, '150 151 150', '100 100 100'), [
    '2 ok>firing abnormal warning 151/100',
    '3 firing>ok normal warning 150/100',
  ]);
  t.deepEqual(versus('absolute', up, '50 51', '0 0'), ['2 ok>firing abnormal warning 51/0']);
});

test('a drop is a negative change', (t) => {
  const down = { below: { fire: -50, clear: -20 } };
  t.deepEqual(versus('percent', down, '50 49 80', '100 100 100'), [
    '2 ok>firing abnormal warning 49/100',
    '3 firing>ok normal warning 80/100',
  ]);
});

test('a percentage of a negative reference rises when the value does', (t) => {
  const up = { above: { fire: 50, clear: 50 } };
  t.deepEqual(versus('percent', up, '-40', '-100'), ['1 ok>firing abnormal warning -40/-100']);
});

test('a change in percent of zero has no value, an absolute one has', (t) => {
  const up = { above: { fire: 50, clear: 50 } };
  t.deepEqual(versus('percent', up, '500', '0'), ['1 ok>noData noValue warning 500/0']);
  t.deepEqual(versus('absolute', up, '500', '0'), ['1 ok>firing abnormal warning 500/0']);
});

test('a change without a reference has no value', (t) => {
  const up = { above: { fire: 50, clear: 50 } };
  t.deepEqual(versus('absolute', up, '500', '-'), ['1 ok>noData noValue warning 500/-']);
});
