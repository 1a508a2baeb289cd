import test from 'ava';
import type { NotifiedAlarm } from '../../src/model/notification.ts';
import { type DaySeen, runDay } from './alarm-day-run.ts';
import { clock, EXPECTED } from './alarm-day-script.ts';

/** CI looks at these; `node test/simulation/alarm-day.ts --seeds 50` at more. */
const CRASHING_SEEDS = [1];
const STEPS_PER_LOOK = 6;
/** The longest lateness, a group's interval, the board's own, and the step in which the time comes. */
const TOLD_WITHIN_MS = 30_000 + 60_000 + STEPS_PER_LOOK * 10_000 + 10_000;

const EXPECTED_LINES = EXPECTED.map(([line]) => line).sort();
/** People are told of what is loud, and of its end. */
const EXPECTED_TOLD = EXPECTED_LINES.filter((line) => !/ ok>pending | pending>ok /.test(line)).map(
  (line) => line.split(' ').slice(0, 5).join(' '),
);

const live = runDay({ seed: 0, crash: 0, stepsPerLook: STEPS_PER_LOOK, muted: false });

test('a day with a spike, a dip, a silence, late data and clocks that jump fires and resolves what was worked out by hand', async (t) => {
  t.deepEqual((await live).lines, EXPECTED_LINES);
});

test('a replay of its log into nothing makes the same transitions, and tells nobody', async (t) => {
  const replay = await runDay({ seed: 0, crash: 0, stepsPerLook: 360, muted: true });
  t.deepEqual(byAlarm(replay), byAlarm(await live));
  t.deepEqual(replay.told, []);
});

for (const seed of CRASHING_SEEDS) {
  test(`nor do crashes that take what was not synced change one of them: seed ${seed}`, async (t) => {
    const crash = 0.003;
    const seen = await runDay({ seed, crash, stepsPerLook: STEPS_PER_LOOK, muted: false });
    t.true(seen.crashes > 20);
    t.deepEqual(byAlarm(seen), byAlarm(await live));
    t.deepEqual(toldLines(seen), EXPECTED_TOLD);
    const ids = seen.told.map(({ delivery }) => delivery.notification.id);
    t.is(new Set(ids).size, ids.length);
  });
}

test('each of them is told, in time by the true clock, whatever the clock of the server does', async (t) => {
  const { told, ...seen } = await live;
  t.deepEqual(toldLines({ told, ...seen }), EXPECTED_TOLD);
  const late = [...firstTold({ told, ...seen })].flatMap(([line, { atMs, alarm }]) =>
    atMs - alarm.transition.atMs > TOLD_WITHIN_MS ? [`${line} at ${clock(atMs)}`] : [],
  );
  t.deepEqual(late, []);
});

/** Whole transitions, in an order that does not depend on when the board looked. */
const byAlarm = ({ transitions }: DaySeen): string[] =>
  transitions.map((transition) => JSON.stringify(transition)).sort();

/** By the transition that is told of: the first message with it. */
function firstTold({ told }: DaySeen): Map<string, { atMs: number; alarm: NotifiedAlarm }> {
  const first = new Map<string, { atMs: number; alarm: NotifiedAlarm }>();
  for (const { delivery, atMs } of told) {
    for (const alarm of delivery.notification.alarms) {
      const line = toldLine(alarm);
      if (!first.has(line)) first.set(line, { atMs, alarm });
    }
  }
  return first;
}

const toldLines = (seen: DaySeen): string[] => [...firstTold(seen).keys()].sort();

function toldLine({ labels, transition }: NotifiedAlarm): string {
  const { from, to, reason, atMs } = transition;
  const group = ['service', 'device', 'message'].map((name) => labels[name]).find(Boolean) ?? '-';
  const rule = labels['alertname'];
  return `${clock(atMs)} ${rule} ${group.replaceAll(' ', '_')} ${from}>${to} ${reason}`;
}
