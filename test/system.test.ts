import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../src/model/errors.ts';
import { createSystem } from '../src/system.ts';
import { createLogShared } from '../storage/log/log-shared.ts';
import { deadLetterKey } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { encodeDeadLetter } from '../storage/state/rows.ts';

async function openSystem(t: ExecutionContext, type: 'journal' | 'kafka') {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const state = await openState({ dir, partitions: 3 });
  t.teardown(async () => {
    await state.close();
    await rm(dir, { recursive: true });
  });
  const system = createSystem({
    state,
    source: { type: 'journal', dir },
    shared: createLogShared(3, type),
    actors: async () => [],
    partitions: async () => [],
  });
  return { state, system };
}

test('dead letters of all partitions are paged newest first', async (t) => {
  const { state, system } = await openSystem(t, 'journal');
  const letters = Array.from({ length: 60 }, (_, i) => ({
    at: { partition: i % 3, tenant: 'a', offset: (Math.floor(i / 2) + 1) * 1_000_000, row: i % 2 },
    message: `${i}`,
    stream: i % 5 === 0 ? 'clicks' : 'events',
  }));
  await state.commit(
    letters.map(({ at, message, stream }) => ({
      key: deadLetterKey(at),
      value: encodeDeadLetter({
        stream,
        arrivalMs: 1,
        line: 0,
        code: 'invalid_json',
        message,
        raw: Buffer.from('{'),
      }),
    })),
  );
  const pages = async (stream?: string) => {
    const found: string[] = [];
    let after: string | undefined;
    for (;;) {
      const { letters: page } = await system.deadLetters({ tenant: 'a', first: 7, stream, after });
      found.push(...page.map(({ message }) => message));
      after = page.at(-1)?.id;
      if (page.length < 7) return found;
    }
  };
  const newestFirst = letters.toReversed();
  t.deepEqual(
    await pages(),
    newestFirst.map(({ message }) => message),
  );
  const clicks = newestFirst.filter(({ stream }) => stream === 'clicks');
  t.deepEqual(
    await pages('clicks'),
    clicks.map(({ message }) => message),
  );
  t.deepEqual((await system.deadLetters({ tenant: 'b', first: 7 })).letters, []);
  const wrong = system.deadLetters({ tenant: 'a', first: 1, after: 'x' });
  t.true(isFault(await t.throwsAsync(wrong), 'query_invalid'));
});

test('where offsets of partitions compare with nothing, dead letters are paged by arrival', async (t) => {
  const { state, system } = await openSystem(t, 'kafka');
  const arrivals = [
    [100, 300, 200, 900],
    [150, 900, 910],
    [50, 250, 250],
  ];
  const letters = arrivals.flatMap((times, partition) =>
    times.map((arrivalMs, i) => ({
      at: { partition, tenant: 'a', offset: (i + 1) * 10 ** partition, row: 0 },
      arrivalMs,
    })),
  );
  await state.commit(
    letters.map(({ at, arrivalMs }) => ({
      key: deadLetterKey(at),
      value: encodeDeadLetter({
        ...{ stream: 'events', arrivalMs, line: 0, code: 'invalid_json' },
        ...{ message: `${at.partition}:${arrivalMs}`, raw: Buffer.from('{') },
      }),
    })),
  );
  const found: string[] = [];
  for (let after: string | undefined; ; ) {
    const { letters: page } = await system.deadLetters({ tenant: 'a', first: 3, after });
    found.push(...page.map(({ message }) => message));
    after = page.at(-1)?.id;
    if (page.length < 3) break;
  }
  t.deepEqual(found, [
    ...['1:910', '0:900', '1:900', '0:300', '2:250', '2:250'],
    ...['0:200', '1:150', '0:100', '2:50'],
  ]);
});
