import test from 'ava';
import { isFault } from '../../src/model/errors.ts';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import { askedAfter } from '../../src/query/after.ts';

const POSITION = encodePositions(new Map([[0, offset(10)]]));

/** Two partitions on other nodes. */
function scene() {
  const applied = [10, 10];
  const epochs = [1, 1];
  const listeners = new Set<() => void>();
  return {
    listeners,
    /** The partition comes to a node that has applied so much; nothing is known of that one yet. */
    move: (partition: number) => {
      epochs[partition] = (epochs[partition] ?? 0) + 1;
      applied[partition] = 0;
    },
    tell: (partition: number, position: number) => {
      applied[partition] = position;
      for (const listener of listeners) listener();
    },
    partitions: {
      partitions: 2,
      appliedOffset: (partition: number) => applied[partition] ?? 0,
      endOffset: () => 20,
      onApplied: (listener: () => void) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      nodes: {
        ownerEpoch: (partition: number) => epochs[partition] ?? 0,
        nodeOf: () => undefined,
        endAgeMs: () => 0,
      },
    },
  };
}

test('who is answered while the partition comes to another node asks again once that one is as far', async (t) => {
  const { partitions, listeners, move, tell } = scene();
  let asked = 0;
  const answer = askedAfter(POSITION, partitions, 60_000, async () => {
    asked += 1;
    if (asked === 1) move(0);
    return asked;
  });
  while (listeners.size === 0) await new Promise(setImmediate);
  tell(0, 9);
  await new Promise(setImmediate);
  t.is(asked, 1, 'the new owner is behind the position');
  tell(0, 10);
  t.is(await answer, 2);
  t.is(listeners.size, 0);
});

test('partitions that the position is not about may move', async (t) => {
  const { partitions, move } = scene();
  let asked = 0;
  const answer = await askedAfter(POSITION, partitions, 60_000, async () => {
    move(1);
    return ++asked;
  });
  t.is(answer, 1);
});

test('a partition that goes from node to node is not waited for without end', async (t) => {
  const { partitions, move } = scene();
  const ask = async () => move(0);
  const fault = await t.throwsAsync(askedAfter(POSITION, partitions, 20, ask));
  t.true(isFault(fault, 'query_timeout'));
});
