import test from 'ava';
import { verdictOf } from '../../src/client/answer.ts';
import { refusal } from './fake-platform.ts';

const NOW_MS = 1_790_000_000_000;
const EVENTS = [{ bytes: 100 }, { bytes: 200 }, { bytes: 300 }];
const verdict = (answer: { status?: number; retryAfter?: string | undefined; text?: string }) =>
  verdictOf({ status: 200, retryAfter: undefined, text: '', ...answer }, EVENTS, NOW_MS);

test('what is accepted or refused line by line is settled', (t) => {
  const outcome = { accepted: 2, rejected: 1, errors: [{ line: 1, message: 'no type' }] };
  const settled = { type: 'settled', rejected: 1, reason: 'no type' } as const;
  t.deepEqual(verdict({ text: JSON.stringify(outcome) }), settled);
  const error = { code: 'all_rejected', message: 'none' };
  const none = { ...outcome, error, accepted: 0, rejected: 3 };
  t.deepEqual(verdict({ status: 400, text: JSON.stringify(none) }), { ...settled, rejected: 3 });
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

test('an answer for other events than those of the request settles nothing', (t) => {
  for (const [accepted, rejected] of [
    [1, 1],
    [2, 0],
    [4, 0],
  ]) {
    const { type, reason } = verdict({ text: JSON.stringify({ accepted, rejected, errors: [] }) });
    t.is(type, 'later');
    t.regex(reason, /events of 3: something between here and the server changes requests/);
  }
});

test('only a server says of a short event that it is too long', (t) => {
  const proxy = { status: 413, retryAfter: undefined, text: '<html>413</html>' };
  t.is(verdictOf(proxy, [{ bytes: 100 }], NOW_MS).type, 'later');
  t.is(verdictOf(proxy, [{ bytes: 5_000 }], NOW_MS).type, 'tooLarge');
  t.is(verdictOf(proxy, EVENTS, NOW_MS).type, 'tooLarge');
  const server = { ...proxy, ...refusal(413, 'body_too_large') };
  t.is(verdictOf(server, [{ bytes: 100 }], NOW_MS).type, 'tooLarge');
});
