/**
 * A board that crashes at any of its writes, and loses what a power cut may take, makes the same notifications as one that never
 * does: the same ids, the same bodies, none lost, none invented.
 */
import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { Board } from '../../../actors/alarm-board/board.ts';
import * as commands from '../../../actors/alarm-board/commands.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import { alarmId } from '../../../actors/alarm-board/hashes.ts';
import { allIn } from '../../../actors/alarm-board/rows.ts';
import type { AlarmRule } from '../../../src/model/alarm.ts';
import type { HistoryEntry } from '../../../src/model/alarm-board.ts';
import type { Delivery } from '../../../src/model/notification.ts';
import { BOARD_ROW, boardRange } from '../../../storage/state/board-keys.ts';
import { Crash, MemoryStore } from '../../simulation/memory-store.ts';
import { type FakeEvent, FakePartials } from './fake-partials.ts';
import { HOUR, is, MINUTE, receiver, route, rule, SECOND, START, silence } from './scene.ts';

const SERVICES = ['api', 'db', 'web'];
const RULES: readonly AlarmRule[] = [
  rule({
    name: 'many',
    everyMs: SECOND,
    windowMs: 5 * SECOND,
    condition: above(3),
    forMs: 2 * SECOND,
  }),
  rule({
    name: 'much',
    measure: { op: 'sum', field: 'ms' },
    everyMs: SECOND,
    windowMs: 7 * SECOND,
    condition: above(2.5),
    keepFiringForMs: 3 * SECOND,
    escalation: [{ afterWindows: 2, severity: 'critical' }],
  }),
  rule({
    name: 'gone',
    everyMs: SECOND,
    windowMs: 10 * SECOND,
    condition: { kind: 'noData' },
    forgetAfterMs: 40 * SECOND,
  }),
];
const CONFIG = {
  rules: RULES,
  receivers: [receiver('ops'), receiver('pager')],
  routes: [
    route({ receiver: 'pager', matchers: [is('severity', 'critical')], continue: true }),
    route({ groupWaitMs: 2 * SECOND, groupIntervalMs: 10 * SECOND, repeatIntervalMs: 30 * SECOND }),
  ],
  inhibitions: [
    { source: [is('alertname', 'gone')], target: [is('alertname', 'many')], equal: ['service'] },
  ],
  timeIntervals: [],
  externalUrl: 'http://gauge',
};

function above(bound: number): AlarmRule['condition'] {
  return { kind: 'threshold', above: { fire: bound, clear: bound } };
}

/** One moment: the clock goes on, partitions close up to behind it, somebody does something. */
interface Step {
  readonly afterMs: number;
  readonly act: 'nothing' | 'silence' | 'expire' | 'acknowledge';
  readonly service: string;
}
interface Fault {
  readonly step: number;
  readonly writes: number;
  /** Of the writes that were not synced, how many a power cut takes. */
  readonly lost: number;
}
interface Outcome {
  readonly deliveries: readonly Delivery[];
  readonly history: readonly HistoryEntry[];
}

async function play(
  events: readonly FakeEvent[],
  steps: readonly Step[],
  faults: readonly Fault[],
): Promise<Outcome> {
  const store = new MemoryStore();
  let nowMs = START;
  let lives = 0;
  const clock = { now: () => nowMs };
  const log = { debug() {}, info() {}, warn() {}, error() {}, child: () => log };
  const load = () => {
    const isReversed = lives++ % 2 === 1;
    return Board.load({
      store,
      clock,
      log,
      config: CONFIG,
      partials: () => new FakePartials(START, events, () => nowMs - SECOND, isReversed),
      deliveries: new Deliveries(store, async () => {}),
      sender: { setReceivers() {}, wake() {} },
      onChanges() {},
    });
  };
  let board = await load();
  for (const [i, step] of steps.entries()) {
    nowMs += step.afterMs;
    const fault = faults.find((each) => each.step === i);
    if (fault !== undefined) store.crashAfter(fault.writes);
    let hasActed = false;
    for (let isDone = false; !isDone; ) {
      try {
        if (!hasActed) await act(board, step, nowMs);
        hasActed = true;
        isDone = !(await board.tick());
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        store.lose(Math.min(store.unsynced, fault?.lost ?? 0));
        board = await load();
      }
    }
    store.crashAfter(Number.POSITIVE_INFINITY);
  }
  return {
    deliveries: await allIn<Delivery>(store, boardRange(BOARD_ROW.delivery)),
    history: await allIn<HistoryEntry>(store, boardRange(BOARD_ROW.history)),
  };
}

async function act(board: Board, { act: what, service: name }: Step, nowMs: number): Promise<void> {
  const offsetMs = nowMs - START;
  switch (what) {
    case 'silence':
      await commands.addSilence(
        board,
        silence([is('service', name)], offsetMs, offsetMs + 15 * SECOND),
      );
      return;
    case 'expire': {
      const newest = [...board.machine.silences.all()]
        .map(({ id }) => id)
        .sort()
        .at(-1);
      if (newest !== undefined) await commands.expireSilence(board, 'acme', newest);
      return;
    }
    case 'acknowledge':
      await commands.acknowledge(board, 'acme', alarmId('acme', 'much', [name]), {
        author: 'ann',
        comment: 'on it',
        atMs: nowMs,
      });
      return;
    case 'nothing':
      return;
  }
}

const service = fc.constantFrom(...SERVICES);
/** Bursts, so that alarms fire and resolve. */
const events = fc
  .array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 90_000 }),
      count: fc.integer({ min: 1, max: 8 }),
      partition: fc.integer({ min: 0, max: 2 }),
      service,
      value: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 5, maxLength: 40 },
  )
  .map((bursts) =>
    bursts.flatMap(({ atMs, count, partition, service: name, value }) =>
      Array.from({ length: count }, (_, i) => ({
        atMs: START + atMs + i * 300,
        partition,
        group: [name],
        value: value + i / 10,
      })),
    ),
  );
const steps = fc.array(
  fc.record({
    afterMs: fc.integer({ min: 1, max: 6_000 }),
    act: fc.constantFrom('nothing', 'nothing', 'nothing', 'silence', 'expire', 'acknowledge'),
    service,
  }),
  { minLength: 15, maxLength: 40 },
);
const faults = fc.array(
  fc.record({
    step: fc.integer({ min: 0, max: 39 }),
    writes: fc.integer({ min: 0, max: 1 }),
    lost: fc.integer({ min: 0, max: 5 }),
  }),
  { minLength: 1, maxLength: 8 },
);

test('after crashes at any write the notifications are the same, with the same ids', async (t) => {
  let told = 0;
  let crashes = 0;
  await fc.assert(
    fc.asyncProperty(events, steps, faults, async (happened, script, breaks) => {
      const expected = await play(happened, script, []);
      const seen = await play(happened, script, breaks);
      told += expected.deliveries.length;
      crashes += breaks.length;
      assert.deepEqual(seen.history, expected.history);
      assert.deepEqual(seen.deliveries, expected.deliveries);
    }),
    { numRuns: 60 },
  );
  t.true(told > 60 && crashes > 60, `${told} notifications, ${crashes} faults`);
});

test('a board that was down for an hour tells of what fired and resolved meanwhile', async (t) => {
  const happened = Array.from({ length: 10 }, (_, i) => ({
    atMs: START + MINUTE + i * 500,
    partition: 0,
    group: ['api'],
  }));
  const pause = { act: 'nothing', service: 'api' } as const;
  const { deliveries } = await play(
    happened,
    [
      { ...pause, afterMs: SECOND },
      { ...pause, afterMs: HOUR },
      { ...pause, afterMs: MINUTE },
    ],
    [],
  );
  const lines = deliveries.flatMap(({ notification }) =>
    notification.alarms.map(({ labels, status }) => `${labels['alertname']} ${status}`),
  );
  t.deepEqual([...new Set(lines)].sort(), ['gone resolved', 'many resolved']);
});
