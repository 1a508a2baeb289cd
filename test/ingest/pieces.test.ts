import test from 'ava';
import { BodyMemory } from '../../src/ingest/body-memory.ts';
import type { Coalescer, Destination } from '../../src/ingest/coalescer.ts';
import { Contribution } from '../../src/ingest/contribution.ts';
import { Counters } from '../../src/ingest/counters.ts';
import { type BodyPlace, DecodeOutcome } from '../../src/ingest/decode/outcome.ts';
import { BodyOutcome, Pieces } from '../../src/ingest/pieces.ts';

const destination: Destination = { tenant: 'acme', stream: 's', form: 'ndjson' };

/** Takes one byte a piece, and writes down which. */
function setUp(memoryBytes?: number) {
  const taken: number[] = [];
  const coalescer: Pick<Coalescer, 'add'> = {
    add(_destination, body, _contribution, from?: BodyPlace) {
      const at = from?.byte ?? 0;
      const outcome = new DecodeOutcome(from);
      taken.push(body[at] as number);
      outcome.accepted = 1;
      if (at + 1 < body.length) outcome.stopAt(at + 1, at + 1);
      return outcome;
    },
  };
  const memory = new BodyMemory(memoryBytes);
  const quotas = { charge() {} };
  const pieces = new Pieces({ coalescer, memory, counters: new Counters(), quotas });
  const decode = (bytes: Uint8Array, isOwned = false) => {
    const outcome = new BodyOutcome();
    const ended: number[] = [];
    const contribution = new Contribution(false, () => ended.push(outcome.accepted));
    const done = pieces.decode({ destination, bytes, isOwned, contribution, outcome });
    return { done, ended };
  };
  return { taken, memory, decode };
}

test('a body of one piece is over at once', (t) => {
  const { taken, decode } = setUp();
  const { done, ended } = decode(Uint8Array.of(7));
  t.is(done, undefined);
  t.deepEqual([taken, ended], [[7], [1]]);
});

test('long bodies take turns, one piece of one of them per turn of the event loop', async (t) => {
  const { taken, memory, decode } = setUp();
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const first = decode(bytes);
  const second = decode(Uint8Array.of(11, 12, 13, 14), true);
  // It lay in the socket's buffer, which now holds something else.
  bytes.fill(0);
  t.deepEqual(taken, [1, 11], 'the first piece of each needs no turn');
  t.true(memory.bytesTaken > 0);
  let atTurn = taken.length;
  while (first.ended.length + second.ended.length < 2) {
    await new Promise(setImmediate);
    t.true(taken.length <= atTurn + 1);
    atTurn = taken.length;
  }
  await Promise.all([first.done, second.done]);
  t.deepEqual(taken, [1, 11, 2, 12, 3, 13, 4, 14]);
  t.deepEqual([first.ended, second.ended], [[4], [4]]);
  t.is(memory.bytesTaken, 0);
});

test('with no memory to wait in, a body is decoded to its end at once', (t) => {
  const { taken, decode } = setUp(0);
  decode(Uint8Array.of(1, 2, 3));
  t.deepEqual(taken, [1, 2, 3]);
});
