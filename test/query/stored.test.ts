import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodePartitionState } from '../../actors/partition/snapshot.ts';
import { isFault } from '../../src/model/errors.ts';
import { readDeadLetters } from '../../src/query/stored-letters.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import {
  deadLetterKey,
  partitionStateKey,
  rollupRowKey,
  seriesKey,
} from '../../storage/state/keys.ts';
import { openState } from '../../storage/state/rocksdb.ts';
import { encodeDeadLetter, encodeSeriesLabels } from '../../storage/state/rows.ts';

async function openTestState(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const state = await openState({ dir, partitions: 3 });
  t.teardown(async () => {
    await state.close();
    await rm(dir, { recursive: true });
  });
  return state;
}

test('rows come in the order of time, only of what was asked', async (t) => {
  const state = await openTestState(t);
  const at = { partition: 1, tenant: 'a', rollup: 'r', stepMs: 1_000, group: 0 };
  const row = (parts: object, value: string) => ({
    key: rollupRowKey({ ...at, bucketMs: 0, ...parts }),
    value: Buffer.from(value),
  });
  await state.commit([
    ...Array.from({ length: 3_000 }, (_, i) => row({ bucketMs: i * 1_000 }, `${i}`)),
    row({ group: 1, bucketMs: 5_000 }, 'other group'),
    row({ stepMs: 60_000 }, 'other step'),
    row({ partition: 2, bucketMs: 5_000 }, 'other partition'),
    row({ tenant: 'ab', bucketMs: 5_000 }, 'other tenant'),
    row({ rollup: 'r2', bucketMs: 5_000 }, 'other rollup'),
  ]);
  const seen: string[] = [];
  await storedRollups(state).scanRows(
    { ...at, fromMs: 5_000, toMs: 2_500_000 },
    (bucketMs, value) => {
      t.is(bucketMs, Number(Buffer.from(value).toString()) * 1_000);
      seen.push(Buffer.from(value).toString());
    },
  );
  t.deepEqual(
    seen,
    Array.from({ length: 2_495 }, (_, i) => `${i + 5}`),
  );
});

test('series and the watermark are those of the last commit', async (t) => {
  const state = await openTestState(t);
  const stored = storedRollups(state);
  t.is(await stored.watermarkMs(1), Number.NEGATIVE_INFINITY);
  const series = [1, 2, 3].map((id) => ({ id, labels: [`l${id}`, null] }));
  await state.commit([
    ...series.map(({ id, labels }) => ({
      key: seriesKey(1, 'a', 'r', id),
      value: encodeSeriesLabels(labels),
    })),
    {
      key: partitionStateKey(1),
      value: encodePartitionState({
        position: 8,
        watermarkMs: 42,
        nowMs: 50,
        producers: [],
        generations: [],
      }),
    },
  ]);
  t.deepEqual(await stored.series(1, 'a', 'r', 0), series);
  t.deepEqual(await stored.series(1, 'a', 'r', 2), series.slice(2));
  t.deepEqual(await stored.series(2, 'a', 'r', 0), []);
  t.is(await stored.watermarkMs(1), 42);
});

test('dead letters of all partitions are paged newest first', async (t) => {
  const state = await openTestState(t);
  const letters = Array.from({ length: 60 }, (_, i) => ({
    // Windows of 4 MiB and more are crossed.
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
      const page = await readDeadLetters(state, 3, 100_000_000, query);
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
  t.deepEqual(await readDeadLetters(state, 3, 100_000_000, { tenant: 'b', first: 7 }), []);
  const wrong = readDeadLetters(state, 3, 1, { tenant: 'a', first: 1, after: 'x' });
  t.true(isFault(await t.throwsAsync(wrong), 'query_invalid'));
});
