import test from 'ava';
import { Leadership, type LedRows } from '../../src/cluster/leadership.ts';
import { END_GRACE_MS, RETAKE_MS } from '../../src/cluster/limits.ts';
import { AppError } from '../../src/model/errors.ts';
import { silent } from '../storage/archive/silent.ts';

/** What is done is noted; a sleep ends when the test says so, or by its signal. */
function scene() {
  const done: string[] = [];
  const sleeps: { readonly ms: number; readonly end: () => void }[] = [];
  let term = 0;
  let onLost: ((fault: AppError) => void) | undefined;
  /** How the next questions for a term end; the others succeed. */
  const answers: Promise<void>[] = [];
  const ends: Promise<void>[] = [];
  const rows: LedRows = {
    async lead(lost) {
      done.push('ask');
      await answers.shift();
      onLost = lost;
      term += 1;
      return term;
    },
    async end() {
      done.push('rows end');
    },
  };
  const leadership = new Leadership({
    rows,
    duties: {
      begin: async (of) => {
        done.push(`begin ${of}`);
      },
      end: async () => {
        await ends.shift();
        done.push('end');
      },
    },
    sleep: (ms, signal) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      signal.addEventListener('abort', () => resolve());
      sleeps.push({ ms, end: resolve });
      return promise;
    },
    log: silent,
  });
  const settle = async () => {
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  };
  return {
    ...{ leadership, done, answers, ends, settle },
    lost: () => onLost?.(new AppError('archive_fenced', 'another has gone on')),
    wake: async (ms: number) => {
      for (const sleep of sleeps.splice(0)) {
        if (sleep.ms === ms) sleep.end();
        else sleeps.push(sleep);
      }
      await settle();
    },
  };
}

test('duties begin when the rows are here, and end before nothing is committed any more', async (t) => {
  const { leadership, done, settle } = scene();
  await leadership.take();
  t.true(leadership.isLeading);
  t.deepEqual(leadership.standing(), { term: 1, problem: undefined });
  await leadership.lose();
  t.false(leadership.isLeading);
  await settle();
  t.deepEqual(done, ['ask', 'begin 1', 'end', 'rows end']);
});

test('a node that is overtaken ends its duties, and leads again in a later term', async (t) => {
  const { leadership, done, lost, settle, wake } = scene();
  await leadership.take();
  lost();
  await settle();
  t.false(leadership.isLeading);
  t.is(leadership.standing().problem, 'another has gone on');
  t.deepEqual(done, ['ask', 'begin 1', 'end', 'rows end']);
  await wake(RETAKE_MS);
  t.deepEqual(leadership.standing(), { term: 2, problem: undefined });
});

test('while the archive is away nobody leads, and it is tried again', async (t) => {
  const { leadership, answers, done, settle, wake } = scene();
  answers.push(Promise.reject(new AppError('archive_unavailable', 'out of reach')));
  const leads = leadership.take();
  await settle();
  t.deepEqual(leadership.standing(), { term: undefined, problem: 'out of reach' });
  await wake(RETAKE_MS);
  await leads;
  t.deepEqual(done, ['ask', 'ask', 'begin 1']);
});

test('of a node that loses before its term is there no duty begins, and nobody waits for the archive', async (t) => {
  const { leadership, answers, done, settle } = scene();
  const { promise, resolve } = Promise.withResolvers<void>();
  answers.push(promise);
  const leads = leadership.take();
  await settle();
  await leadership.lose();
  await leads;
  const again = leadership.take();
  await settle();
  t.deepEqual(done, ['ask']);
  resolve();
  await again;
  t.deepEqual(done, ['ask', 'rows end', 'ask', 'begin 2']);
  t.true(leadership.isLeading);
});

test('duties whose last words the archive does not take are cut off', async (t) => {
  const { leadership, done, ends, settle, wake } = scene();
  await leadership.take();
  const { promise, resolve } = Promise.withResolvers<void>();
  ends.push(promise);
  const lost = leadership.lose();
  await settle();
  await wake(END_GRACE_MS);
  t.deepEqual(done.slice(2), ['rows end']);
  resolve();
  await lost;
  t.deepEqual(done.slice(2), ['rows end', 'end', 'rows end']);
});

test('taking twice leads once, and losing may be said at any time', async (t) => {
  const { leadership, done, settle } = scene();
  await leadership.lose();
  await Promise.all([leadership.take(), leadership.take()]);
  await Promise.all([leadership.lose(), leadership.lose()]);
  await settle();
  t.deepEqual(done, ['ask', 'begin 1', 'end', 'rows end']);
});
