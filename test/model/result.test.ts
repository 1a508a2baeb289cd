import test from 'ava';
import { assertNever, err, ok, type Result } from '../../src/model/result.ts';

test('a result is either a value or an error', (t) => {
  const good: Result<number, string> = ok(1);
  const bad: Result<number, string> = err('no');
  t.deepEqual(good, { ok: true, value: 1 });
  t.deepEqual(bad, { ok: false, error: 'no' });
});

test('a case that the types exclude is named when it happens all the same', (t) => {
  // What a newer writer may send to an older reader: the types know only "a".
  const kinds: 'a'[] = JSON.parse('["b"]');
  const describe = (kind: 'a') => (kind === 'a' ? kind : assertNever(kind));
  t.throws(() => kinds.map(describe), { message: 'unhandled case: "b"' });
});
