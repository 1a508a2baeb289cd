/** A rule that is tried fires where it would have fired, on as much as is stored. */
import test from 'ava';
import { rollupsOf, testRule } from '../../../actors/alarm-board/rule-test.ts';
import type { AlarmRule } from '../../../src/model/alarm.ts';
import { type FakeEvent, FakePartials } from './fake-partials.ts';
import { MINUTE, rule, SECOND, START } from './scene.ts';

const MANY = rule({
  everyMs: SECOND,
  windowMs: 5 * SECOND,
  condition: { kind: 'threshold', above: { fire: 3, clear: 3 } },
});

const at = (offsetMs: number, times = 1): FakeEvent[] =>
  Array.from({ length: times }, () => ({ atMs: START + offsetMs, partition: 0, group: ['api'] }));

/** Everything before `storedMs` is stored, everything before `closedMs` closed. */
async function tried(
  tested: AlarmRule,
  events: readonly FakeEvent[],
  storedMs: number,
  closedMs: number,
) {
  const partials = new FakePartials(START, events, () => START + storedMs);
  const rollups = rollupsOf(tested);
  for (const rollup of rollups) partials.follow(rollup);
  const rows = {
    rollups: rollups.map(({ name }) => name),
    sinceMs: START,
    closedToMs: START + closedMs,
    keptMs: 120 * MINUTE,
  };
  const answer = await testRule(tested, rows, partials, START, START + closedMs);
  return {
    ...answer,
    transitions: answer.transitions.map(({ to, atMs }) => `${(atMs - START) / SECOND} ${to}`),
    fromMs: answer.fromMs - START,
    toMs: answer.toMs - START,
  };
}

test('a young rule is tried on all that is stored, although the newest is not yet', async (t) => {
  t.deepEqual(await tried(MANY, at(10_500, 4), 28 * SECOND, 30 * SECOND), {
    transitions: ['11 firing', '16 ok'],
    ticks: 29,
    fromMs: 0,
    toMs: 28 * SECOND,
    isTruncated: false,
  });
});

test('a range of several reads is one run', async (t) => {
  const events = [...at(255_500, 4), ...at(700_500, 4)];
  const { transitions, ticks } = await tried(MANY, events, 900 * SECOND, 900 * SECOND);
  t.deepEqual(transitions, ['256 firing', '261 ok', '701 firing', '706 ok']);
  t.is(ticks, 901);
});

test('a rule of which nothing is stored yet has changed nothing', async (t) => {
  const { transitions, ticks, isTruncated } = await tried(MANY, [], 0, 10 * SECOND);
  t.deepEqual(
    { transitions, ticks, isTruncated },
    { transitions: [], ticks: 1, isTruncated: false },
  );
});

test('a change is tried against the window before', async (t) => {
  const drop = rule({
    everyMs: SECOND,
    windowMs: 10 * SECOND,
    condition: {
      kind: 'change',
      versus: 'windowBefore',
      by: 'percent',
      below: { fire: -50, clear: -50 },
    },
  });
  const events = Array.from({ length: 40 }, (_, i) => at(i * SECOND, i < 30 ? 2 : 0)).flat();
  const { transitions } = await tried(drop, events, 45 * SECOND, 45 * SECOND);
  t.deepEqual(transitions, ['36 firing']);
});
