import test from 'ava';
import { AppError, FAULT, type FaultCode, isFault, REJECTION } from '../../src/model/errors.ts';

const FAULT_CODES = Object.keys(FAULT) as FaultCode[];

for (const code of FAULT_CODES) {
  test(`the fault ${code} keeps its code, its place and its cause`, (t) => {
    const cause = new Error('below');
    const error = new AppError(code, 'expected a, received b', { path: 'x', byteOffset: 1 }, cause);
    t.is(error.code, code);
    t.is(error.retryable, FAULT[code].retryable);
    t.deepEqual(error.location, { path: 'x', byteOffset: 1 });
    t.is(error.cause, cause);
    t.true(isFault(error, code));
    t.is(FAULT_CODES.filter((other) => isFault(error, other)).length, 1);
  });
}

test('an error of somebody else is no fault of ours, even with the same code', (t) => {
  t.false(isFault(Object.assign(new Error('x'), { code: 'log_io' }), 'log_io'));
  t.false(isFault(undefined, 'log_io'));
});

test('a fault without a cause has none', (t) => {
  t.false('cause' in new AppError('log_io', 'x'));
});

test('codes are lower case with underscores, meanings end without a stop', (t) => {
  const meanings = Object.values(FAULT).map(({ meaning }) => meaning);
  for (const code of [...FAULT_CODES, ...Object.keys(REJECTION)])
    t.regex(code, /^[a-z0-9]+(_[a-z0-9]+)*$/);
  for (const text of [...meanings, ...Object.values(REJECTION)]) t.regex(text, /[^.!]$/);
});
