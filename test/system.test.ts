import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isFault } from '../src/model/errors.ts';
import { createSystem } from '../src/system.ts';
import { createJournalShared } from '../storage/log/journal-shared.ts';
import { deadLetterKey } from '../storage/state/keys.ts';
import { openState } from '../storage/state/rocksdb.ts';
import { encodeDeadLetter } from '../storage/state/rows.ts';

test('dead letters of all partitions are paged newest first', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const state = await openState({ dir, partitions: 3 });
  t.teardown(async () => {
    await state.close();
    await rm(dir, { recursive: true });
  });
  const system = createSystem({
    state,
    journalDir: dir,
    shared: createJournalShared(3),
    actors: async () => [],
    partitions: async () => [],
  });
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
      const query = { tenant: 'a', first: 7, ...(stream && { stream }), ...(after && { after }) };
      const page = await system.deadLetters(query);
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
  t.deepEqual(await system.deadLetters({ tenant: 'b', first: 7 }), []);
  const wrong = system.deadLetters({ tenant: 'a', first: 1, after: 'x' });
  t.true(isFault(await t.throwsAsync(wrong), 'query_invalid'));
});
