import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { encodePartitionState } from '../../actors/partition/snapshot.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import {
  definitionsKey,
  partitionStateKey,
  rollupRowKey,
  seriesKey,
} from '../../storage/state/keys.ts';
import { openState } from '../../storage/state/rocksdb.ts';
import { encodeSeriesLabels } from '../../storage/state/rows.ts';
import { BY_TYPE } from './rollups.ts';

const STATE = { position: 8, watermarkMs: 42, nowMs: 50, producers: [], generations: [] };

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
  t.is(await stored.watermarkMs(1, BY_TYPE), undefined);
  const definitions = { type: 'setRollups', version: 1, rollups: [BY_TYPE] };
  const series = [1, 2, 3].map((id) => ({ id, labels: [`l${id}`, null] }));
  await state.commit([
    ...series.map(({ id, labels }) => ({
      key: seriesKey(1, 'a', 'r', id),
      value: encodeSeriesLabels(labels),
    })),
    { key: partitionStateKey(1), value: encodePartitionState(STATE) },
    { key: definitionsKey(1), value: Buffer.from(JSON.stringify(definitions)) },
  ]);
  t.is(await stored.watermarkMs(1, BY_TYPE), 42);
  const declaredAnew = { ...BY_TYPE, dimensions: ['country'] };
  t.is(await stored.watermarkMs(1, declaredAnew), undefined, 'what is stored means something else');
  t.deepEqual(await stored.series(1, 'a', 'r', 0), series);
  t.deepEqual(await stored.series(1, 'a', 'r', 2), series.slice(2));
  t.deepEqual(await stored.series(2, 'a', 'r', 0), []);
});
