import test from 'ava';
import { RETRY_AFTER_MS_MAX } from '../../src/notify/limits.ts';
import { nextAttemptAt, retryAfterMs } from '../../src/notify/retry.ts';
import { NOW_MS } from './stage.ts';

const POLICY = { waitMsMin: 1_000, waitMsMax: 60_000, giveUpAfterMs: 3_600_000 };
const waitAfter = (failures: number, random: number): number | undefined => {
  const atMs = nextAttemptAt(POLICY, failures, NOW_MS, {}, NOW_MS + 1, random);
  return atMs === undefined ? undefined : atMs - NOW_MS - 1;
};

test('the longest wait doubles from the least to the greatest', (t) => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8, 50, 5_000].map((failures) => waitAfter(failures, 1));
  const seconds = [1, 2, 4, 8, 16, 32, 60, 60, 60, 60];
  t.deepEqual(
    longest,
    seconds.map((s) => s * 1000),
  );
});

test('the shortest wait is half of the least, after any number of failures', (t) => {
  t.deepEqual(
    [1, 2, 10, 5_000].map((failures) => waitAfter(failures, 0)),
    [500, 500, 500, 500],
  );
});

test('chance spreads the waits evenly between the two', (t) => {
  t.is(waitAfter(3, 0.5), 500 + (4_000 - 500) / 2);
});

test('a receiver is never asked earlier than it said', (t) => {
  t.is(nextAttemptAt(POLICY, 1, NOW_MS, { retryAfterMs: 90_000 }, NOW_MS, 0), NOW_MS + 90_000);
  t.is(nextAttemptAt(POLICY, 9, NOW_MS, { retryAfterMs: 100 }, NOW_MS, 1), NOW_MS + 60_000);
});

test('the last attempt falls on the end of the time in which it is tried, then the delivery is dead', (t) => {
  const endMs = NOW_MS + POLICY.giveUpAfterMs;
  t.is(nextAttemptAt(POLICY, 70, NOW_MS, {}, endMs - 10, 1), endMs);
  t.is(nextAttemptAt(POLICY, 71, NOW_MS, {}, endMs, 0), undefined);
});

test('a receiver that asks for more time than there is gets a last attempt at the end of it', (t) => {
  const endMs = NOW_MS + POLICY.giveUpAfterMs;
  for (const waitMs of [POLICY.giveUpAfterMs + 1, RETRY_AFTER_MS_MAX, Number.MAX_VALUE]) {
    t.is(nextAttemptAt(POLICY, 1, NOW_MS, { retryAfterMs: waitMs }, NOW_MS, 0), endMs);
  }
});

test('Retry-After is read as seconds and as a date', (t) => {
  t.is(retryAfterMs('120', NOW_MS), 120_000);
  t.is(retryAfterMs(' 0 ', NOW_MS), 0);
  t.is(retryAfterMs(new Date(NOW_MS + 30_000).toUTCString(), NOW_MS), 30_000);
  t.is(retryAfterMs('Sunday, 06-Nov-94 08:49:37 GMT', NOW_MS), 0);
});

test('Retry-After is bounded, and what is neither form says nothing', (t) => {
  t.is(retryAfterMs('99999999999999999999', NOW_MS), RETRY_AFTER_MS_MAX);
  t.is(retryAfterMs('Fri, 31 Dec 2100 23:59:59 GMT', NOW_MS), RETRY_AFTER_MS_MAX);
  for (const header of [undefined, '', '-5', '1.5', 'soon', '1e3', 'May']) {
    t.is(retryAfterMs(header, NOW_MS), undefined, header);
  }
});
