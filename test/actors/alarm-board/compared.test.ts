/** Rules that compare a window with past days and weeks, on the board: rows of then come from the store, of now from the feed. */
import test from 'ava';
import { Board } from '../../../actors/alarm-board/board.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import type { AlarmCondition } from '../../../src/model/alarm.ts';
import type { HistoryEntry } from '../../../src/model/alarm-board.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { type FakeEvent, FakePartials } from './fake-partials.ts';
import { HOUR, MINUTE, rule, SECOND, START } from './scene.ts';

const QUARTER = 15 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;

interface Case {
  readonly condition: AlarmCondition;
  /** Events begin this long before the start. */
  readonly beforeMs: number;
  /** Events of the quarter of an hour that begins this long behind the start. */
  readonly eventsAt: (offsetMs: number) => number;
  /** Made of it in the two hours from the start, by a board that runs through and by one that is loaded anew every half hour. */
  readonly expected: readonly string[];
}

const doubled = (versus: 'yesterday' | 'lastWeek'): AlarmCondition => ({
  kind: 'change',
  versus,
  by: 'percent',
  above: { fire: 100, clear: 50 },
});

const CASES: Readonly<Record<string, Case>> = {
  'a window twice as full as yesterday fires, however full the one of last week was': {
    condition: doubled('yesterday'),
    beforeMs: WEEK,
    eventsAt: (offsetMs) => (offsetMs === 30 * MINUTE || offsetMs === 30 * MINUTE - WEEK ? 6 : 2),
    expected: ['+45 firing', '+60 ok'],
  },
  'a window twice as full as a week ago fires, however full the one of yesterday was': {
    condition: doubled('lastWeek'),
    beforeMs: WEEK,
    eventsAt: (offsetMs) => (offsetMs === 30 * MINUTE || offsetMs === 30 * MINUTE - DAY ? 6 : 2),
    expected: ['+45 firing', '+60 ok'],
  },
  'before there is a whole window to compare with nothing is abnormal': {
    condition: doubled('yesterday'),
    beforeMs: DAY - HOUR,
    eventsAt: (offsetMs) => (offsetMs === 30 * MINUTE || offsetMs === 90 * MINUTE ? 6 : 2),
    expected: ['+105 firing', '+120 ok'],
  },
  'a window unlike that hour in past weeks fires, hours full each week do not': {
    condition: { kind: 'anomaly', deviations: 4, weeks: 2, direction: 'both' },
    beforeMs: 2 * WEEK,
    eventsAt: (offsetMs) => {
      const quarter = Math.floor(offsetMs / QUARTER);
      if (quarter === 1) return 12;
      const ofWeek = (offsetMs + 2 * WEEK) % WEEK;
      // Full from 13:00 to 15:30, each week.
      const isFull = ofWeek >= HOUR && ofWeek < 3.5 * HOUR;
      return (isFull ? 20 : 2) + (Math.abs(quarter) % 3);
    },
    expected: ['+30 firing', '+45 ok'],
  },
};

for (const [title, { condition, beforeMs, eventsAt, expected }] of Object.entries(CASES)) {
  test(title, async (t) => {
    const events = eventsOf(-beforeMs, 2 * HOUR, eventsAt);
    t.deepEqual(await play(condition, beforeMs, events, false), expected);
    t.deepEqual(await play(condition, beforeMs, events, true), expected);
  });
}

async function play(
  condition: AlarmCondition,
  beforeMs: number,
  events: readonly FakeEvent[],
  isRestarted: boolean,
): Promise<string[]> {
  const store = new MemoryStore();
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const history: HistoryEntry[] = [];
  let nowMs = START - beforeMs;
  let lives = 0;
  const load = () => {
    const isReversed = lives++ % 2 === 1;
    return Board.load({
      store,
      clock: { now: () => nowMs },
      log,
      config: {
        rules: [rule({ condition, everyMs: QUARTER, windowMs: QUARTER })],
        receivers: [],
        routes: [],
        inhibitions: [],
        timeIntervals: [],
        externalUrl: 'http://gauge',
      },
      partials: () => new FakePartials(START - beforeMs, events, () => nowMs - SECOND, isReversed),
      deliveries: new Deliveries(store, async () => {}),
      sender: { setReceivers() {}, wake() {} },
      onChanges: (changes) => history.push(...changes),
    });
  };
  let board = await load();
  for (nowMs = START; nowMs <= START + 2 * HOUR + MINUTE; nowMs += MINUTE) {
    const isHalfHour = (nowMs - START) % (30 * MINUTE) === 0;
    if (isRestarted && isHalfHour) board = await load();
    while (await board.tick()) await Promise.resolve();
  }
  return history.map(({ transition: { atMs, to } }) => `+${(atMs - START) / MINUTE} ${to}`);
}

function eventsOf(fromMs: number, toMs: number, eventsAt: Case['eventsAt']): FakeEvent[] {
  const quarters = Array.from(
    { length: (toMs - fromMs) / QUARTER },
    (_, i) => fromMs + i * QUARTER,
  );
  return quarters.flatMap((offsetMs) =>
    Array.from({ length: eventsAt(offsetMs) }, (_, i) => ({
      atMs: START + offsetMs + i * SECOND,
      partition: i % 2,
      group: ['api'],
    })),
  );
}
