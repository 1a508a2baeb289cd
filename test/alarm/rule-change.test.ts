import test from 'ava';
import { replaceRule } from '../../src/alarm/rule-change.ts';
import { RuleRun } from '../../src/alarm/rule-run.ts';
import { asText, MINUTE, ruleWith, ticksOf, transitionsOf } from './ticks.ts';

const RULE = ruleWith({ groupBy: ['host'], condition: { kind: 'noData' } });
const SERIES = [
  { group: ['dead'], windows: '1 0 0 0 0' },
  { group: ['alive'], windows: '1 1 1 0 0' },
];

test('with other texts the states live on', (t) => {
  const { run, ended, ticks } = changed({ annotations: { summary: 'x' } });
  t.deepEqual(ended, []);
  run.recall(ticks[2]!);
  t.deepEqual(run.tick(ticks[3]!).map(asText), ['alive 4 ok>firing abnormal warning 0/-']);
});

test('with other times what fired ends, and who is silent is still missed', (t) => {
  const { run, ended, ticks } = changed({ forMs: MINUTE, windowMs: 2 * MINUTE });
  t.deepEqual(ended, ['dead 3 firing>ok ruleChanged warning -/-']);
  t.deepEqual(run.tick(ticks[3]!).map(asText), [
    'alive 4 ok>pending abnormal warning 0/-',
    'dead 4 ok>pending abnormal warning 0/-',
  ]);
});

test('with other events it begins anew', (t) => {
  const { run, ended, ticks } = changed({ stream: 'others' });
  t.is(ended.length, 1);
  t.is(run.progressMs, undefined);
  t.deepEqual(run.tick(ticks[3]!), []);
});

test('an error of the old rule ends with it', (t) => {
  const rule = ruleWith({ groupBy: ['host'], groupsMax: 1 });
  const ticks = ticksOf(rule, SERIES);
  const old = new RuleRun(rule);
  old.tick(ticks[0]!);
  const { run, ended } = replaceRule(old, { ...rule, groupsMax: 2 });
  t.deepEqual(ended.map(asText), ['1 error>ok ruleChanged warning -/-']);
  t.deepEqual(run.tick(ticks[1]!), []);
});

function changed(changes: Parameters<typeof ruleWith>[0]) {
  const ticks = ticksOf(RULE, SERIES);
  const old = new RuleRun(RULE);
  transitionsOf(old, ticks.slice(0, 3));
  const { run, ended } = replaceRule(old, { ...RULE, ...changes });
  return { run, ended: ended.map(asText), ticks };
}
