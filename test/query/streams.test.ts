import test from 'ava';
import { OTHER_STREAMS } from '../../actors/partition/ledger.ts';
import { isFault } from '../../src/model/errors.ts';
import { STREAM_SUBSCRIBERS_PER_TENANT_MAX } from '../../src/query/limits.ts';
import { StreamUpdates, streamNames } from '../../src/query/streams.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE } from './rollups.ts';

const HOUR_MS = 3_600_000;

const ledgerOf = (...streams: string[]) => ({
  entries: streams.map((stream) => ({
    ...{ tenant: TENANT, stream, arrivalHourMs: HOUR_MS, received: 1, applied: 1 },
    ...{ duplicate: 0, rejected: 0, clamped: 0, expired: 0, erased: 0 },
  })),
  appliedOffset: 1,
  appliedEnd: 1,
});

test('streams are those of all partitions, by name, without what stands for too many', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  memory.ledgers[0] = ledgerOf('shop', OTHER_STREAMS);
  memory.ledgers[1] = ledgerOf('events', 'shop');
  t.deepEqual(await streamNames(TENANT, memory), ['events', 'shop']);
});

test('who waits is told at once what there is, and again when there is one more', async (t) => {
  const memory = new MemoryPartitions([BY_TYPE]);
  let told = (): void => {};
  const partitions = Object.assign(memory, {
    onApplied: (listener: () => void) => {
      told = listener;
      return () => {};
    },
  });
  const scheduler = {
    after: (_: number, callback: () => void) => {
      setImmediate(callback);
      return () => {};
    },
  };
  const updates = new StreamUpdates({ partitions, scheduler, clock: { now: () => HOUR_MS } });
  const names = updates.subscribe(TENANT);
  t.deepEqual((await names.next()).value, []);
  const next = names.next();
  memory.ledgers[1] = ledgerOf('shop');
  told();
  t.deepEqual((await next).value, ['shop']);
  const last = names.next();
  updates.close();
  t.true((await last).done);
  t.is(updates.subscribers, 0);
});

test('a tenant takes no more than its part of the subscriptions', async (t) => {
  const partitions = new MemoryPartitions([BY_TYPE]);
  const scheduler = { after: () => () => {} };
  const updates = new StreamUpdates({ partitions, scheduler, clock: { now: () => HOUR_MS } });
  for (let i = 0; i < STREAM_SUBSCRIBERS_PER_TENANT_MAX; i++) updates.subscribe(TENANT);
  const refused = t.throws(() => updates.subscribe(TENANT));
  t.true(isFault(refused, 'query_overload'));
  t.notThrows(() => updates.subscribe('another'));
});
