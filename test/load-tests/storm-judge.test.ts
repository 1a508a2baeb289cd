/** What is wrong in a storm is found; what is right is not. */
import test from 'ava';
import { type Answers, type Stored, stormDifferences } from '../../load-tests/storm/judge.ts';
import { Told } from '../../load-tests/storm/told.ts';

const NOW_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;

/** Three events of one page, of which `track` has given up the last. */
function told() {
  const told = new Told();
  for (const n of [1, 2, 3]) {
    told.take({ tab: 'shop', life: 'a', n, isGivenUp: false }, NOW_MS + n);
  }
  told.take({ tab: 'shop', life: 'a', n: 3, isGivenUp: true }, NOW_MS + 3);
  return told.lives;
}

const event = (n: number, more: Partial<Stored> = {}): Stored => ({
  ...{ life: 'a', n, ts: NOW_MS, trueMs: NOW_MS },
  ...more,
});

function answers(stored: readonly Stored[], more: Partial<Answers> = {}): Answers {
  const applied = stored.length + 1;
  return {
    stored,
    losses: { queue_full: 1, refused: 0 },
    lossEvents: 1,
    byTab: new Map([['shop', stored.length]]),
    ledger: {
      ...{ received: applied + 5, applied, duplicate: 5, rejected: 0, pending: 0 },
      ...{ clamped: 0, expired: 0, balanced: true },
    },
    ...more,
  };
}

const found = (given: Answers, aheadMs: readonly number[] = [0]) =>
  stormDifferences(told(), given, () => ({ aheadMs }));

test('a storm in which each event is there once has no differences', (t) => {
  t.deepEqual(found(answers([event(1), event(2)])), []);
});

test('what a page had no time to tell of is as good as told', (t) => {
  t.deepEqual(found(answers([event(1), event(2), event(4)])), []);
  t.deepEqual(found(answers([event(1), event(2), event(5)])), ['shop (a): 1 missing: 4']);
});

test('events that are missing, doubled, given up or of nobody are named', (t) => {
  t.deepEqual(found(answers([event(1)])), ['shop (a): 1 missing: 2']);
  t.deepEqual(found(answers([event(1), event(2), event(2)])), [
    'shop (a): 1 stored more than once: 2',
  ]);
  t.deepEqual(found(answers([event(1), event(2), event(3)])), [
    'shop (a): 1 stored, although given up: 3',
  ]);
  const stranger = answers([event(1), event(2), event(1, { life: 'b' })], {
    byTab: new Map([
      ['shop', 2],
      ['', 1],
    ]),
  });
  t.deepEqual(found(stranger), ['1 events are stored of which no page has told']);
});

test('times may differ by what the way of sending allows, and by nothing else', (t) => {
  const late = answers([event(1), event(2, { ts: NOW_MS + HOUR_MS })]);
  t.deepEqual(found(late), ['shop: 1 events are not 0 h from their right time']);
  t.deepEqual(found(late, [0, HOUR_MS]), []);
});

test('losses are told as they are, the rollup and the ledger count what is stored', (t) => {
  const stored = [event(1), event(2)];
  t.deepEqual(found(answers(stored, { losses: { queue_full: 0, refused: 2 } })), [
    'losses: 1 queue_full, and clients have told of 0',
    'losses: 0 refused, and clients have told of 2',
  ]);
  t.deepEqual(found(answers(stored, { byTab: new Map([['shop', 3]]) })), [
    'rollup: 3 of shop, and 2 are stored',
  ]);
  const { ledger } = answers(stored);
  t.is(found(answers(stored, { ledger: { ...ledger, applied: 4 } })).length, 2);
  t.is(found(answers(stored, { ledger: { ...ledger, balanced: false } })).length, 1);
});
