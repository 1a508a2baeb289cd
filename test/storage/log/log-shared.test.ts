import test from 'ava';
import { offset } from '../../../src/model/units.ts';
import {
  attachLogShared,
  createLogShared,
  isStray,
  logBytes,
  logEnd,
  logEndMovedFrom,
  logStart,
  logUsedBytes,
  newestEnd,
  offsetBehind,
  publishEnd,
  publishEvents,
  publishRecords,
  publishStart,
  publishStray,
} from '../../../storage/log/log-shared.ts';

test('a journal has one start and one end for all partitions, a topic has them for each', (t) => {
  const journal = createLogShared(3);
  publishEnd(journal, 0, offset(800));
  publishStart(journal, 0, offset(80));
  t.deepEqual([logEnd(journal, 2), logStart(journal, 2)], [offset(800), offset(80)]);

  const topic = createLogShared(3, 'kafka');
  publishEnd(topic, 1, offset(7));
  publishStart(topic, 1, offset(5));
  const elsewhere = attachLogShared(topic.buffer);
  t.deepEqual([logEnd(elsewhere, 1), logStart(elsewhere, 1)], [offset(7), offset(5)]);
  t.deepEqual([logEnd(elsewhere, 2), logStart(elsewhere, 2)], [undefined, offset(0)]);
});

test('what is heard late moves nothing back, and wakes nobody', async (t) => {
  const topic = createLogShared(2, 'kafka');
  publishEnd(topic, 0, offset(10));
  let isWoken = false;
  const woken = logEndMovedFrom(topic, 0, offset(10)).then(() => {
    isWoken = true;
  });
  publishEnd(topic, 0, offset(9));
  publishStart(topic, 0, offset(4));
  publishStart(topic, 0, offset(3));
  await new Promise(setImmediate);
  t.deepEqual([isWoken, logEnd(topic, 0), logStart(topic, 0)], [false, offset(10), offset(4)]);
  publishEnd(topic, 0, offset(11));
  await woken;
});

test('stretches of a journal lie over each other, those of a topic add up, a record at its mean', (t) => {
  const journal = createLogShared(2);
  t.is(logBytes(journal, [300, 500, -20]), 500);
  publishEnd(journal, 0, offset(900));
  publishStart(journal, 0, offset(100));
  t.is(logUsedBytes(journal), 800);

  const topic = createLogShared(2, 'kafka');
  publishRecords(topic, 1_000, 2_000_000);
  t.is(logBytes(topic, [3, 5, -20]), 16_000);
  publishEnd(topic, 0, offset(10));
  publishEnd(topic, 1, offset(4));
  publishStart(topic, 1, offset(2));
  t.is(logUsedBytes(topic), 24_000);
  for (let i = 0; i < 50; i++) publishRecords(topic, 1_000, 500_000);
  t.is(logBytes(topic, [1]), 500, 'it follows the load');
});

test('behind a block of a journal are its bytes, behind a record of a topic is the next one', (t) => {
  t.is(offsetBehind(createLogShared(1), offset(400), 96), offset(496));
  t.is(offsetBehind(createLogShared(1, 'kafka'), offset(400), 96), offset(401));
});

test('a run of records that are no blocks is known to all, the last one found', (t) => {
  const topic = createLogShared(2, 'kafka');
  const large = 2 ** 52;
  t.false(isStray(topic, 0, { from: 5, to: 6 }));
  publishStray(topic, 0, { from: 5, to: 8 });
  publishStray(topic, 0, { from: 5, to: 7 });
  const seen = attachLogShared(topic.buffer);
  const known = (from: number, to: number) => isStray(seen, 0, { from, to });
  t.deepEqual([known(5, 8), known(6, 7), known(4, 8), known(5, 9)], [true, true, false, false]);
  t.false(isStray(seen, 1, { from: 5, to: 8 }));
  publishStray(topic, 0, { from: large, to: large + 5_000 });
  t.deepEqual([known(5, 8), known(large, large + 1_023)], [false, true]);
  t.false(known(large, large + 1_024), 'no more than is remembered');
});

test('what others append to a topic counts as soon as a reader has heard of it; in a journal each partition has its own', (t) => {
  const topic = createLogShared(2, 'kafka');
  t.is(newestEnd(topic, 0), 0);
  topic.partitionEnds[0] = 4;
  publishEnd(topic, 0, offset(9));
  t.is(newestEnd(topic, 0), 9);

  const journal = createLogShared(2);
  journal.partitionEnds[0] = 400;
  publishEnd(journal, 0, offset(900));
  t.deepEqual([newestEnd(journal, 0), newestEnd(journal, 1)], [400, 0]);
});

test('where events end moves nothing back either', (t) => {
  const topic = createLogShared(1, 'kafka');
  publishEvents(topic, 0, offset(7));
  publishEvents(topic, 0, offset(5));
  t.is(topic.eventEnds[0], 7);
});
