/** A replay's way through the log, which is cut while it is read. */
import test from 'ava';
import { Shadow } from '../../../actors/replay/shadow.ts';
import { ReplaySource, type SourceTools } from '../../../actors/replay/source.ts';
import { AppError } from '../../../src/model/errors.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';
import { offset } from '../../../src/model/units.ts';
import { EMPTY_MANIFEST } from '../../../storage/archive/manifest.ts';
import type { LogReader } from '../../../storage/log/log.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';
import { MemoryStore } from '../../simulation/memory-store.ts';

const START_MS = 1_790_000_000_000;
const ROLLUP: RollupDefinition = {
  name: 'r',
  stream: 'events',
  dimensions: ['kind'],
  filter: [],
  measures: [{ op: 'count' }],
  resolutions: [{ stepMs: 60_000, retentionMs: 86_400_000 }],
  latenessMs: 5_000,
  seriesMax: 100,
};
const BLOCK_BYTES = 1_000;
const BLOCKS = Array.from({ length: 4 }, (_, i) => {
  const arrivalMs = START_MS + i * 100_000;
  return eventBlock(
    [
      { ts: arrivalMs, kind: 'a' },
      { ts: arrivalMs, kind: `k${i}` },
    ],
    { arrivalMs },
  );
});

/** A block with each read; `failures`: of the readers in turn, before which block it is cut. */
function logOf(failures: (number | undefined)[]): SourceTools['openReader'] {
  return (from) => {
    const failsAt = failures.shift();
    let at = (from.get(0) ?? 0) / BLOCK_BYTES;
    const read: LogReader['read'] = async () => {
      if (at === failsAt) throw new AppError('log_truncated', 'cut');
      const { bytes } = BLOCKS[at] as (typeof BLOCKS)[0];
      const place = offset(at++ * BLOCK_BYTES);
      const nextOffset = offset(at * BLOCK_BYTES);
      return {
        blocks: [{ partition: 0, offset: place, nextOffset, bytes }],
        readTo: () => nextOffset,
      };
    };
    return { read, seek() {}, release() {}, close() {} };
  };
}

async function rebuilt(failures: (number | undefined)[]) {
  const [live, store] = [new MemoryStore(), new MemoryStore()];
  const options = { tenant: 'default', rollups: [ROLLUP], partitions: 1 };
  const shadow = await Shadow.open(store, live, options);
  const source = new ReplaySource(
    {
      memoryBytesMax: 0,
      segments: {
        lease: () => Promise.reject(new Error('there are no segments')),
        localPath: () => undefined,
        held: () => ({ fetchedBytes: 0, cachedBytes: 0 }),
        forget() {},
      },
      manifest: async () => EMPTY_MANIFEST,
      openReader: logOf(failures),
      logStart: () => 0,
      state: live,
      pause: async () => {},
      tell() {},
    },
    {
      ...{ tenant: 'default', stream: 'events', rollups: [ROLLUP] },
      range: { fromMs: 0, toMs: Number.POSITIVE_INFINITY },
    },
    shadow,
  );
  const written = new Set<string>();
  const head = {
    positions: [BLOCKS.length * BLOCK_BYTES],
    watermarksMs: [START_MS + 300_000],
  };
  await source.bringTo(head, (keys) => {
    for (const key of keys) written.add(Buffer.from(key).toString('hex'));
  });
  return { rows: shadow.progress.rows, store: store.dump(), written };
}

test('what was read before the log was cut counts once', async (t) => {
  const whole = await rebuilt([]);
  t.is(whole.rows, 8);
  for (const failures of [[1], [3], [2, 3, 1]]) t.deepEqual(await rebuilt(failures), whole);
});
