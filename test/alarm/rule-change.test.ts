import test from 'ava';
import { afterChange } from '../../src/alarm/rule-change.ts';
import { RuleRun } from '../../src/alarm/rule-run.ts';
import { asText, MINUTE, ruleWith, START, ticksOf, transitionsOf } from './ticks.ts';

const RULE = ruleWith({ groupBy: ['host'], condition: { kind: 'noData' } });
const SERIES = [
  { group: ['dead'], windows: '1 0 0 0 0' },
  { group: ['alive'], windows: '1 1 1 0 0' },
];

test('with other times nothing has a state, and who is silent is still missed', (t) => {
  t.deepEqual(transitionsAfter({ forMs: MINUTE, windowMs: 2 * MINUTE }), [
    'alive 4 ok>pending abnormal warning 0/-',
    'dead 4 ok>pending abnormal warning 0/-',
  ]);
});

test('with other events no group is remembered but those that have some', (t) => {
  t.deepEqual(transitionsAfter({ stream: 'others' }), ['alive 4 ok>firing abnormal warning 0/-']);
});

test('an error of the old rule is none of the new one', (t) => {
  const rule = ruleWith({ groupBy: ['host'], groupsMax: 1 });
  const ticks = ticksOf(rule, SERIES);
  const old = new RuleRun(rule);
  t.deepEqual(
    old.tick(ticks[0]!).map((x) => x.to),
    ['error'],
  );
  const next = { ...rule, groupsMax: 2 };
  const run = new RuleRun(next, afterChange(old.snapshot(), rule, next));
  run.recall(ticks[0]!);
  t.deepEqual(run.tick(ticks[1]!), []);
  t.is(run.groupCount, 2);
});

test('ticks that are further apart begin at one that was judged', (t) => {
  const next = { ...RULE, everyMs: 2 * MINUTE, windowMs: 2 * MINUTE };
  const { progressMs } = afterChange({ progressMs: START + 3 * MINUTE, groups: [] }, RULE, next);
  t.is(progressMs, START + 2 * MINUTE);
});

function transitionsAfter(changes: Parameters<typeof ruleWith>[0]): string[] {
  const ticks = ticksOf(RULE, SERIES);
  const old = new RuleRun(RULE);
  transitionsOf(old, ticks.slice(0, 3));
  const rule = { ...RULE, ...changes };
  const run = new RuleRun(rule, afterChange(old.snapshot(), RULE, rule));
  run.recall(ticks[2]!);
  return run.tick(ticks[3]!).map(asText);
}
