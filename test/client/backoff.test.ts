import test from 'ava';
import fc from 'fast-check';
import { waitMs } from '../../src/client/backoff.ts';

const failures = fc.integer({ min: 1, max: 10_000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

test('waits double up to five minutes, and half of each is chance', (t) => {
  t.deepEqual(
    [1, 2, 3, 9, 10, 1_000].map((n) => waitMs(n, undefined, 0)),
    [500, 1_000, 2_000, 128_000, 150_000, 150_000],
  );
  fc.assert(
    fc.property(failures, random, (n, chance) => {
      const least = waitMs(n, undefined, 0);
      const ms = waitMs(n, undefined, chance);
      return ms >= least && ms <= 2 * least && ms <= 300_000;
    }),
  );
  t.pass();
});

test('nobody comes before the time that the server has named, nor all together then', (t) => {
  fc.assert(
    fc.property(failures, random, fc.integer({ min: 0, max: 3_600_000 }), (n, chance, after) => {
      return waitMs(n, after, chance) >= after;
    }),
  );
  t.deepEqual(
    [0, 0.5, 0.999].map((chance) => waitMs(1, 60_000, chance)),
    [60_000, 67_500, 74_985],
  );
});
