import test from 'ava';
import { addTruths, type MinuteTruth, type Truth } from '../../load-tests/truth.ts';
import { assertNone, ledgerDifferences, minuteDifferences } from '../../load-tests/verify.ts';
import { EVENT_TYPES } from '../../load-tests/workload.ts';

const MINUTE_MS = 60_000;
const minute = (minuteMs: number, events: readonly number[]): MinuteTruth => ({
  minuteMs,
  events,
  durationSumMs: events.map((count) => count * 10),
});

function answer(minutes: readonly MinuteTruth[]) {
  return EVENT_TYPES.map((type, i) => ({
    labels: [{ name: 'type', value: type }],
    points: minutes
      .filter(({ events }) => events[i] !== 0)
      .map(({ minuteMs, events, durationSumMs }) => ({
        t: minuteMs,
        values: [events[i], durationSumMs[i]].map((value = 0) => ({ value, errorBound: 0 })),
      })),
  }));
}

const SENT = [minute(0, [5, 4, 3, 2, 0]), minute(MINUTE_MS, [1, 1, 1, 1, 1])];
const LEDGER = {
  ...{ received: 30, applied: 20, duplicate: 10, rejected: 0, pending: 0, clamped: 0, expired: 0 },
  balanced: true,
};
const TRUTH = { events: 20, resent: 10 };

test('equal answers have no differences', (t) => {
  t.deepEqual(minuteDifferences(SENT, answer(SENT)), []);
  t.deepEqual(ledgerDifferences(LEDGER, TRUTH), []);
});

test('a lost, a doubled, a missing and an unsent cell are each named', (t) => {
  const found = (other: readonly MinuteTruth[]) =>
    minuteDifferences(SENT, answer(other)).join('\n');
  t.regex(
    found([minute(0, [5, 4, 3, 1, 0]), SENT[1] as MinuteTruth]),
    /purchase.*expected 2.*received 1/,
  );
  t.regex(
    found([minute(0, [10, 4, 3, 2, 0]), SENT[1] as MinuteTruth]),
    /page_view.*expected 5.*received 10/,
  );
  t.regex(found([SENT[0] as MinuteTruth]), /error in 1970-01-01T00:01: expected 1/);
  t.regex(
    found([...SENT, minute(2 * MINUTE_MS, [1, 0, 0, 0, 0])]),
    /nobody sent.*page_view 120000/,
  );
});

test('a ledger that does not add up, or counts otherwise, is named', (t) => {
  t.is(ledgerDifferences({ ...LEDGER, applied: 19 }, TRUTH).length, 2);
  t.is(ledgerDifferences({ ...LEDGER, balanced: false }, TRUTH).length, 1);
  t.is(ledgerDifferences({ ...LEDGER, rejected: 1, received: 31 }, TRUTH).length, 1);
  t.is(ledgerDifferences(LEDGER, { ...TRUTH, resent: 9 }).length, 1);
  t.throws(() => assertNone('differences', ledgerDifferences(LEDGER, { ...TRUTH, events: 21 })), {
    message: /1 differences:\n {2}ledger: expected 21 applied, received 20/,
  });
});

test('the truths of two senders add up minute by minute', (t) => {
  const truth = (minutes: readonly MinuteTruth[], events: number): Truth => ({
    ...{ minutes, events, resent: 1, acknowledgements: [] },
  });
  const sum = addTruths(truth(SENT, 19), truth([minute(MINUTE_MS, [9, 0, 0, 0, 0])], 9));
  t.deepEqual(sum.minutes, [SENT[0] as MinuteTruth, minute(MINUTE_MS, [10, 1, 1, 1, 1])]);
  t.is(sum.events, 28);
  t.is(sum.resent, 2);
});
