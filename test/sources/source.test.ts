import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { Producer } from '../../src/ingest/producer.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { SourceOptions } from '../../src/sources/options.ts';
import { Source } from '../../src/sources/source.ts';
import { freePort } from '../free-port.ts';
import { silentLogger } from '../ingest/start-edge.ts';

const LIMITS = {
  lineBytesMax: 2 ** 20,
  bodyBytesMax: 2 ** 26,
  fieldsMax: 256,
  fieldNameBytesMax: 128,
  valueBytesMax: 2 ** 16,
  depthMax: 16,
  connectionsMax: 1,
  bodyTimeoutMs: 1_000,
};

test('a source without brokers says so, tries again, and stops when it is told', async (t) => {
  const address = `127.0.0.1:${await freePort()}`;
  const options: SourceOptions = {
    name: 'orders',
    connection: { brokers: [address] },
    topics: ['orders'],
    group: 'group',
    instance: 'instance',
    start: 'earliest',
    format: 'json',
    tenant: 'default',
    stream: 'events',
    type: undefined,
    key: { record: 'key' },
    id: undefined,
    time: undefined,
    fields: {},
  };
  const log = { refusal: undefined, append: () => Promise.reject(new Error('nothing is read')) };
  const clock = systemClock;
  const source = new Source(options, {
    log,
    producer: new Producer({ id: 1, epoch: 1, partitions: 1, clock }),
    partitions: 1,
    limits: LIMITS,
    clock,
    logger: silentLogger,
  });
  while (source.status().failures < 2) await sleep(10);
  const { problem, problemSinceMs, partitions, records } = source.status();
  t.true(problem?.startsWith(`no broker answers, of ${address}: `), problem);
  t.true(problemSinceMs > 0);
  t.deepEqual(partitions, []);
  t.is(records, 0);
  await source.close();
});
