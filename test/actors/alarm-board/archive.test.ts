/** What the bound on deliveries pushes out while some of it still waits, or is under way. */
import test from 'ava';
import { Archive } from '../../../actors/alarm-board/archive.ts';
import { Deliveries } from '../../../actors/alarm-board/deliveries.ts';
import { DELIVERIES_PER_TENANT_MAX } from '../../../actors/alarm-board/limits.ts';
import { boardOps } from '../../../actors/alarm-board/rows.ts';
import type { Logger } from '../../../src/model/logger.ts';
import type { Attempt, Delivery } from '../../../src/model/notification.ts';
import { BOARD_ROW, boardKey, boardRange } from '../../../storage/state/board-keys.ts';
import type { StateOp } from '../../../storage/state/state.ts';
import { deliveryOf } from '../../notify/stage.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';
import { MINUTE, SECOND, START } from './scene.ts';

const OPS = { tenant: 'acme', name: 'ops' };
const ATTEMPT: Attempt = { atMs: START, durationMs: 1, outcome: 'failed', detail: '503' };

/** Its writes wait for a while once it is told so. */
class SlowStore extends MemoryStore {
  /** What the next write waits for. */
  held: Promise<void> | undefined;

  override async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    const { held } = this;
    this.held = undefined;
    await held;
    await super.commit(ops, durability);
  }
}

/** A tenant with so many deliveries that only `room` more find a place. */
async function stageWith(room: number) {
  const store = new SlowStore();
  const counts = { tenant: 'acme', history: 0, deliveries: DELIVERIES_PER_TENANT_MAX - room };
  const key = boardKey(BOARD_ROW.counts, 'acme');
  await store.commit([{ key, value: Buffer.from(JSON.stringify(counts)) }]);
  const deliveries = new Deliveries(store, async () => {});
  const warnings: object[] = [];
  const log: Logger = {
    debug() {},
    info() {},
    warn: (fields) => warnings.push(fields),
    error() {},
    child: () => log,
  };
  const archive = await Archive.load(store, deliveries, log);

  /** As the board does it. */
  async function make(delivery: Delivery, nowMs = START): Promise<void> {
    const changes = {
      sequence: delivery.sequence + 1,
      alarms: new Map(),
      groups: new Map(),
      history: [],
      deliveries: [delivery],
      forgotten: [],
    };
    await store.commit([...boardOps(changes), ...(await archive.opsFor(changes, nowMs))]);
    archive.committed(nowMs);
    deliveries.made(delivery);
  }
  async function kept(): Promise<number[]> {
    const { entries } = await deliveries.list({ tenant: 'acme', first: 10 });
    return entries.map(({ sequence }) => sequence);
  }
  return { store, deliveries, warnings, make, kept };
}

const made = (sequence: number): Delivery =>
  deliveryOf(sequence, { tenant: OPS.tenant, receiver: OPS.name });
const tried = (sequence: number, outcome: 'failed' | 'delivered'): Delivery => ({
  ...made(sequence),
  state: outcome === 'delivered' ? 'delivered' : 'waiting',
  attemptCount: 1,
  attempts: [{ ...ATTEMPT, outcome }],
});

test('deliveries that are pushed out while they wait are counted, and logged once a minute', async (t) => {
  const { deliveries, warnings, make, kept } = await stageWith(2);
  for (let i = 0; i < 5; i++) await make(made(i), START + i * SECOND);
  t.deepEqual(await kept(), [4, 3]);
  t.deepEqual([deliveries.waitingOf(OPS), deliveries.waitingTotal], [2, 2]);
  t.is(deliveries.outcomes.dropped, 3);
  const line = { tenant: 'acme', deliveriesMax: DELIVERIES_PER_TENANT_MAX };
  t.deepEqual(warnings, [{ ...line, deliveries: 1 }]);
  await make(made(5), START + 2 * MINUTE);
  t.deepEqual(warnings.slice(1), [{ ...line, deliveries: 3 }]);
});

test('one that was delivered is pushed out without a word', async (t) => {
  const { deliveries, warnings, make, kept } = await stageWith(1);
  await make(made(0));
  await deliveries.record(tried(0, 'delivered'));
  await make(made(1));
  t.deepEqual(await kept(), [1]);
  t.deepEqual([deliveries.outcomes.dropped, warnings.length], [0, 0]);
});

test('an attempt that ends when its delivery is pushed out does not bring it back', async (t) => {
  const { store, deliveries, make, kept } = await stageWith(1);
  await make(made(0));
  await make(made(1));
  await deliveries.record(tried(0, 'failed'));
  t.deepEqual(await kept(), [1]);
  t.is(deliveries.waitingOf(OPS), 1);
  t.is((await store.page(boardRange(BOARD_ROW.waiting), 10)).length, 1);
  t.is(deliveries.outcomes.failed, 1);
});

test('what is being written of an attempt is written before its delivery is pushed out', async (t) => {
  const { store, deliveries, make, kept } = await stageWith(1);
  await make(made(0));
  const { promise, resolve } = Promise.withResolvers<void>();
  store.held = promise;
  const recorded = deliveries.record(tried(0, 'failed'));
  const next = make(made(1));
  resolve();
  await Promise.all([recorded, next]);
  t.deepEqual(await kept(), [1]);
  t.is(deliveries.waitingOf(OPS), 1);
  t.is(deliveries.outcomes.dropped, 1);
});

test('what a failed commit was to push out is written on', async (t) => {
  const { store, deliveries, make } = await stageWith(1);
  await make(made(0));
  store.crashAfter(0);
  await t.throwsAsync(make(made(1)));
  await deliveries.recount();
  await deliveries.record(tried(0, 'delivered'));
  t.is((await deliveries.load(made(0).notification.id))?.state, 'delivered');
  t.is(deliveries.waitingTotal, 0);
  t.is(deliveries.outcomes.dropped, 0);
});
