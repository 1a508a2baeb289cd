import test from 'ava';
import { Latencies } from '../../load-tests/generator/latencies.ts';
import { seededRandom } from '../../load-tests/random.ts';

test('a quantile of latencies is exact to a thousandth, up to minutes', (t) => {
  const random = seededRandom(5);
  const latencies = new Latencies();
  const sorted = Array.from({ length: 5_000 }, () => Math.exp(random.next() * 19) / 1_000).sort(
    (a, b) => a - b,
  );
  for (const ms of sorted) latencies.addMs(ms);
  for (const q of [0.001, 0.5, 0.9, 0.99, 0.999, 1]) {
    const exact = sorted[Math.ceil(q * sorted.length) - 1] as number;
    const found = latencies.quantileMs(q);
    t.true(found >= exact - 0.0005 && found <= exact * 1.001 + 0.0005, `${q}: ${found}, ${exact}`);
  }
});

test('no latency and the longest have a place', (t) => {
  const latencies = new Latencies();
  t.is(latencies.quantileMs(0.5), 0);
  latencies.addMs(0);
  t.is(latencies.quantileMs(1), 0);
  latencies.addMs(1e9);
  t.is(latencies.quantileMs(1), (2 ** 30 - 1) / 1_000);
  latencies.reset();
  t.is(latencies.quantileMs(1), 0);
});
