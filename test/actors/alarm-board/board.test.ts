/** What the board says of itself: what it is behind, and what it could not do. */
import test from 'ava';
import { Board } from '../../../actors/alarm-board/board.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import { ALARMS_MAX } from '../../../actors/alarm-board/limits.ts';
import type { AlarmRule, AlarmTransition } from '../../../src/model/alarm.ts';
import type { Logger } from '../../../src/model/logger.ts';
import type { Partials } from '../../../src/model/partials.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { MINUTE, rule, SECOND, START } from './scene.ts';

/** Partitions that tell nothing. */
const SILENT: Partials = {
  follow: () => {},
  release: () => {},
  forget: () => {},
  poll: async () => [],
  history: async () => undefined,
};

async function boardOf(rules: readonly AlarmRule[]) {
  const store = new MemoryStore();
  const errors: object[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn() {},
    error: (fields) => errors.push(fields),
    child: () => log,
  };
  const time = { nowMs: START };
  const board = await Board.load({
    store,
    clock: { now: () => time.nowMs },
    log,
    config: {
      rules,
      receivers: [],
      routes: [],
      inhibitions: [],
      timeIntervals: [],
      externalUrl: 'http://gauge',
    },
    partials: () => SILENT,
    deliveries: new Deliveries(store, async () => {}),
    sender: { setReceivers() {}, wake() {} },
    onChanges() {},
  });
  return { board, time, errors };
}

test('a rule that was never judged is behind since it was added', async (t) => {
  const { board, time } = await boardOf([rule({ everyMs: SECOND, latenessMs: 5 * SECOND })]);
  time.nowMs += 6 * SECOND;
  await board.tick();
  t.is(board.view().lagMs, 0, 'the step in which it was added closes, and is judged by then');
  time.nowMs += 10 * MINUTE;
  await board.tick();
  t.is(board.view().lagMs, 10 * MINUTE);
});

test('alarms past the bound are counted and logged', async (t) => {
  const RULE = rule();
  const { board, errors } = await boardOf([RULE]);
  const transitions = Array.from(
    { length: ALARMS_MAX + 3 },
    (_, i): AlarmTransition => ({
      tenant: RULE.tenant,
      rule: RULE.name,
      group: [String(i)],
      from: 'ok',
      to: 'firing',
      reason: 'abnormal',
      atMs: START,
      value: 1,
      threshold: 1,
      severity: 'warning',
    }),
  );
  board.apply({ ended: [{ rule: RULE, transitions }], ops: [] });
  await board.commit();
  await board.commit();
  t.is(board.view().droppedAlarms, 3);
  t.deepEqual(errors, [{ alarms: 3, alarmsMax: ALARMS_MAX }]);
});
