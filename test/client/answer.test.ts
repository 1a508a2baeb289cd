import test from 'ava';
import { verdictOf } from '../../src/client/answer.ts';
import { refusal } from './fake-platform.ts';

const NOW_MS = 1_790_000_000_000;
const verdict = (answer: { status?: number; retryAfter?: string | undefined; text?: string }) =>
  verdictOf({ status: 200, retryAfter: undefined, text: '', ...answer }, NOW_MS);

test('what is accepted or refused line by line is settled', (t) => {
  const outcome = { accepted: 2, rejected: 1, errors: [{ line: 1, message: 'no type' }] };
  const settled = { type: 'settled', rejected: 1, reason: 'no type' } as const;
  t.deepEqual(verdict({ text: JSON.stringify(outcome) }), settled);
  const none = { ...outcome, error: { code: 'all_rejected', message: 'none' }, accepted: 0 };
  t.deepEqual(verdict({ status: 400, text: JSON.stringify(none) }), settled);
});

test('a 200 of something else settles nothing', (t) => {
  for (const text of ['<html>Please sign in</html>', '', 'null', '{"ok":true}', '[1]']) {
    t.like(verdict({ text }), { type: 'later', afterMs: undefined }, text);
  }
});

test('a refusal of the whole request is for later, when the server says if it does', (t) => {
  const cases = [
    ['5', 5_000],
    ['0', 0],
    [new Date(NOW_MS + 90_000).toUTCString(), 90_000],
    [new Date(NOW_MS - 90_000).toUTCString(), 0],
    ['999999999', 3_600_000],
    ['soon', undefined],
    [undefined, undefined],
  ] as const;
  for (const [retryAfter, afterMs] of cases) {
    const answer = refusal(503, 'log_full', retryAfter);
    t.deepEqual(verdict(answer), { type: 'later', afterMs, reason: '503 it is log_full' });
  }
  for (const status of [401, 403, 404, 408, 429, 500, 502]) {
    t.is(verdict(refusal(status, 'x')).type, 'later', String(status));
  }
});

test('a request that is too long is told from one that comes too early', (t) => {
  t.is(verdict(refusal(413, 'body_too_large')).type, 'tooLarge');
});
