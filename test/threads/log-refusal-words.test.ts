import test from 'ava';
import type { SpoolView } from '../../src/model/spool-view.ts';
import { refusalInWords } from '../../src/threads/log-refusal-words.ts';
import { createSpoolShared, publishSpool, readSpool } from '../../storage/spool/spool-shared.ts';

const NONE = { blocks: 0, events: 0, bytes: 0 };
const spoolWith = (waiting: SpoolView['waiting']) => {
  const spool = createSpoolShared();
  const view = { from: 0, end: 0, bytesMax: 1, spooled: NONE, drained: NONE, switches: 0 };
  publishSpool(spool, { ...view, waiting, spooling: undefined, lostBytes: 0 });
  return readSpool(spool);
};

test('of a topic readiness says in words what is wrong, and what the spool cannot get rid of', (t) => {
  t.regex(refusalInWords('log_away', 'log', undefined), /brokers that have the topic log do not/);
  const gone = 'the topic log was deleted, or made anew: nothing is written or read any more';
  t.is(refusalInWords('log_gone', 'log', spoolWith(NONE)), gone);
  t.is(
    refusalInWords('log_gone', 'log', spoolWith({ blocks: 2, events: 30, bytes: 400 })),
    `${gone}; 30 events that were acknowledged are in the spool and cannot come into it`,
  );
  t.is(refusalInWords('log_full', undefined, undefined), 'log_full');
});
