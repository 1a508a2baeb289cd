import test from 'ava';
import fc from 'fast-check';
import { groupKey, RuleRun, type SavedGroup } from '../../src/alarm/rule-run.ts';
import type { AlarmCondition, AlarmRule, NoValuePolicy } from '../../src/model/alarm.ts';
import { NO_VALUE_POLICIES } from '../../src/model/alarm.ts';
import { asText, MINUTE, ruleWith, run, START, ticksOf, transitionsOf } from './ticks.ts';

const BY_SERVICE: Partial<AlarmRule> = { groupBy: ['service'] };
const NO_DATA: AlarmCondition = { kind: 'noData' };
const LOW: AlarmCondition = { kind: 'threshold', below: { fire: 5, clear: 5 } };
const P99 = { op: 'quantile', field: 'ms', q: 0.99 } as const;
const group = (name: string | null, windows: string) => ({ group: [name], windows });

test('each group has its own alarm; those of one tick come sorted', (t) => {
  const expected = [
    'api 1 ok>firing abnormal warning 101/100',
    'web 2 ok>firing abnormal warning 102/100',
    '∅ 2 ok>firing abnormal warning 103/100',
    'api 3 firing>ok normal warning 1/100',
  ];
  const series = [group(null, '1 103 103'), group('web', '1 102 102'), group('api', '101 101 1')];
  t.deepEqual(run(BY_SERVICE, ...series), expected);
});

test('a group begins with its first event: before that it is neither low nor without data', (t) => {
  t.deepEqual(run({ ...BY_SERVICE, condition: LOW }, group('api', '0 0 9 0')), [
    'api 4 ok>firing abnormal warning 0/5',
  ]);
  t.deepEqual(run({ ...BY_SERVICE, condition: NO_DATA }, group('api', '0 0 9 0')), [
    'api 4 ok>firing abnormal warning 0/-',
  ]);
});

test('a group without events for forgetAfter is forgotten, and resolves', (t) => {
  const rule = { ...BY_SERVICE, condition: NO_DATA, forgetAfterMs: 3 * MINUTE };
  t.deepEqual(run(rule, group('api', '1 0 0 0 0 1 0')), [
    'api 2 ok>firing abnormal warning 0/-',
    'api 3 firing>ok forgotten warning -/-',
    'api 7 ok>firing abnormal warning 0/-',
  ]);
});

test('a rule without groups has its one group always, and never forgets it', (t) => {
  const rule = { condition: NO_DATA, forgetAfterMs: MINUTE };
  t.deepEqual(run(rule, '0 0 0 0 0 1'), [
    '1 ok>firing abnormal warning 0/-',
    '6 firing>ok normal warning 1/-',
  ]);
});

test('a rule without groups is judged before it has seen any event', (t) => {
  const rule = ruleWith({ condition: NO_DATA });
  const tick = { ...ticksOf(rule, [{ windows: '0' }])[0]!, groupCount: 0 };
  t.deepEqual(new RuleRun(rule).tick(tick).map(asText), ['1 ok>firing abnormal warning 0/-']);
});

test('too many groups: those that are in go on, the rule itself is in error until there is room', (t) => {
  const rule = { ...BY_SERVICE, groupsMax: 2, forgetAfterMs: 3 * MINUTE };
  const series = [group('c', '200 200 200'), group('b', '1 1 0'), group('a', '1 200 0 0 0 0')];
  t.deepEqual(run(rule, ...series), [
    '1 ok>error tooManyGroups warning -/-',
    'a 2 ok>firing abnormal warning 200/100',
    'a 3 firing>ok normal warning 0/100',
    '4 error>ok normal warning -/-',
  ]);
});

test('groups that partitions could not keep apart are an error too', (t) => {
  const rule = ruleWith(BY_SERVICE);
  const [first, second] = ticksOf(rule, [group('a', '1 1')]);
  const ticks = [{ ...first!, isOverflowing: true }, second!];
  t.deepEqual(transitionsOf(new RuleRun(rule), ticks).map(asText), [
    '1 ok>error tooManyGroups warning -/-',
    '2 error>ok normal warning -/-',
  ]);
});

test('what began in the middle of a window is judged from the first whole one on', (t) => {
  const rule = ruleWith({ condition: LOW, windowMs: 3 * MINUTE });
  const ticks = ticksOf(rule, [{ windows: '0 0 0' }], START + 1);
  t.deepEqual(transitionsOf(new RuleRun(rule), ticks).map(asText), []);
  const later = ticksOf(rule, [{ windows: '0 0 0 0' }], START + 1);
  t.deepEqual(transitionsOf(new RuleRun(rule), later).map(asText), [
    '4 ok>firing abnormal warning 0/5',
  ]);
});

test('an upper threshold on what only grows fires in the first window, whole or not', (t) => {
  for (const op of ['count', 'rate'] as const) {
    const rule = ruleWith({ windowMs: 3 * MINUTE, measure: { op } });
    t.is(transitionsOf(new RuleRun(rule), ticksOf(rule, [{ windows: '101' }])).length, 1);
  }
  const quantile = ruleWith({ windowMs: 3 * MINUTE, measure: P99 });
  t.is(transitionsOf(new RuleRun(quantile), ticksOf(quantile, [{ windows: '101' }])).length, 0);
});

test('a group that fell silent while the rule could not judge yet is judged then', (t) => {
  const rule = ruleWith({ ...BY_SERVICE, condition: NO_DATA, windowMs: 2 * MINUTE });
  const ticks = ticksOf(rule, [group('api', '1 0 0')], START + MINUTE);
  t.deepEqual(transitionsOf(new RuleRun(rule), ticks).map(asText), [
    'api 3 ok>firing abnormal warning 0/-',
  ]);
});

test('an end resolves everything that is not ok', (t) => {
  const rule = ruleWith({ ...BY_SERVICE, forMs: 2 * MINUTE, groupsMax: 2 });
  const series = [group('b', '200 200 200'), group('a', '1 1 200'), group('c', '1 1 1')];
  const ruleRun = new RuleRun(rule);
  transitionsOf(ruleRun, ticksOf(rule, series));
  t.deepEqual(ruleRun.end('ruleRemoved').map(asText), [
    'a 3 pending>ok ruleRemoved warning -/-',
    'b 3 firing>ok ruleRemoved warning -/-',
    '3 error>ok ruleRemoved warning -/-',
  ]);
  t.deepEqual(ruleRun.snapshot().groups, []);
});

test('a tick that was evaluated, or one that is not the next, is refused', (t) => {
  const rule = ruleWith();
  const [first, second, third] = ticksOf(rule, [{ windows: '1 1 1' }]);
  const ruleRun = new RuleRun(rule);
  ruleRun.tick(first!);
  t.throws(() => ruleRun.tick(first!));
  t.throws(() => ruleRun.tick(third!));
  ruleRun.tick(second!);
});

test('nothing is saved of groups that are ok and have events', (t) => {
  const rule = ruleWith(BY_SERVICE);
  const ruleRun = new RuleRun(rule);
  const series = [group('ok', '1 1 1'), group('firing', '200 200 200'), group('silent', '1 0 0')];
  const ticks = ticksOf(rule, series);
  ruleRun.tick(ticks[0]!);
  t.deepEqual(
    ruleRun.takeChanges().put.map((row) => row.group[0]),
    ['firing'],
  );
  ruleRun.tick(ticks[1]!);
  t.deepEqual(
    ruleRun.takeChanges().put.map((row) => row.group[0]),
    ['silent'],
  );
  ruleRun.tick(ticks[2]!);
  t.like(ruleRun.takeChanges(), { progressMs: START + 3 * MINUTE, put: [], remove: [] });
  t.deepEqual(
    ruleRun
      .snapshot()
      .groups.map((row) => row.group[0])
      .sort(),
    ['firing', 'silent'],
  );
});

test('empty ticks may be passed over only while nothing can change', (t) => {
  const empty = '0 0 0 0';
  const steady = (changes: Partial<AlarmRule>) => {
    const rule = ruleWith(changes);
    const ruleRun = new RuleRun(rule);
    transitionsOf(ruleRun, ticksOf(rule, [{ windows: empty, group: rule.groupBy.map(() => 'a') }]));
    return ruleRun.isSteady;
  };
  t.true(steady({}));
  t.true(steady({ condition: NO_DATA }));
  t.true(steady(BY_SERVICE));
  t.false(steady({ condition: NO_DATA, forMs: 9 * MINUTE }));
  t.false(steady({ condition: NO_DATA, escalation: [{ afterWindows: 9, severity: 'critical' }] }));
  t.false(steady({ condition: LOW, windowMs: 9 * MINUTE }), 'the first whole window is to come');
});

const word = fc.constantFrom('0', '0', '50', '90', '101', '300', '-', '?');
const changes = fc.record({
  groupBy: fc.constantFrom([], ['service'], ['service']),
  condition: fc.constantFrom<AlarmCondition>(
    { kind: 'threshold', above: { fire: 100, clear: 80 } },
    { kind: 'threshold', above: { fire: 200, clear: 200 }, below: { fire: 10, clear: 60 } },
    NO_DATA,
    { kind: 'change', versus: 'yesterday', by: 'percent', above: { fire: 10, clear: 5 } },
  ),
  forMs: fc.integer({ min: 0, max: 3 }).map((n) => n * MINUTE),
  keepFiringForMs: fc.integer({ min: 0, max: 3 }).map((n) => n * MINUTE),
  onNoValue: fc.constantFrom<NoValuePolicy>(...NO_VALUE_POLICIES),
  escalation: fc.constantFrom<AlarmRule['escalation']>(
    [],
    [
      { afterWindows: 1, severity: 'warning' },
      { afterWindows: 3, severity: 'critical' },
    ],
  ),
  severity: fc.constant('info' as const),
  groupsMax: fc.integer({ min: 1, max: 5 }),
  forgetAfterMs: fc.integer({ min: 1, max: 6 }).map((n) => n * MINUTE),
});

test('restored at any tick, with other ids, it makes the same transitions', (t) => {
  const words = fc.array(word, { minLength: 12, maxLength: 12 });
  const series = fc.array(fc.tuple(words, words), { minLength: 4, maxLength: 4 });
  const property = fc.property(changes, series, fc.array(fc.nat(11)), (asked, texts, restores) => {
    const rule = ruleWith(asked);
    const isGrouped = rule.groupBy.length > 0;
    const all = texts.slice(0, isGrouped ? 4 : 1).map(([windows, references], i) => ({
      group: isGrouped ? [i === 0 ? null : `s${i}`] : [],
      windows: windows.join(' '),
      references: references.join(' '),
    }));
    const since = START - 2 * 86_400_000;
    const straight = transitionsOf(new RuleRun(rule), ticksOf(rule, all, since));

    const [ticks, reversed] = [ticksOf(rule, all, since), ticksOf(rule, all.toReversed(), since)];
    let ruleRun = new RuleRun(rule);
    const rows = new Map<string, string>();
    const seen = ticks.flatMap((tick, i) => {
      const isOther = restores.filter((at) => at < i).length % 2 === 1;
      const made = ruleRun.tick(isOther ? (reversed[i] ?? tick) : tick);
      const { put, remove } = ruleRun.takeChanges();
      for (const row of put) rows.set(JSON.stringify(row.group), JSON.stringify(row));
      for (const key of remove) rows.delete(key);
      if (!restores.includes(i)) return made;
      const isOtherNext = restores.filter((at) => at <= i).length % 2 === 1;
      const saved = { progressMs: tick.atMs, groups: [...rows.values()].map((r) => JSON.parse(r)) };
      // When a group that has events was seen last is found in its window.
      const names = (groups: readonly SavedGroup[]) =>
        groups.map((row) => groupKey(row.group)).sort();
      t.deepEqual(names(saved.groups), names(ruleRun.snapshot().groups));
      ruleRun = new RuleRun(rule, saved);
      ruleRun.recall(isOtherNext ? (reversed[i] ?? tick) : tick);
      return made;
    });
    t.deepEqual(seen.map(asText), straight.map(asText));
  });
  fc.assert(property, { numRuns: 500 });
});
