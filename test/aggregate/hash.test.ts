import test from 'ava';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';

function hash(text: string, seedLow = 0, seedHigh = 0): string {
  const bytes = new Uint8Array(Buffer.from(`..${text}`));
  const low = new Uint32Array(1);
  const high = new Uint32Array(1);
  const entries = { count: 1, offsets: new Uint32Array([2, bytes.length]), bytes };
  hashEntries(entries, seedLow, seedHigh, low, high);
  return [high, low].map(([lane]) => (lane as number).toString(16).padStart(8, '0')).join(':');
}

test('hashes never change: sketches on disk depend on them', (t) => {
  t.is(hash(''), '00000000:00000000');
  t.is(hash('a'), 'a43031bc:0b9becaf');
  t.is(hash('abc'), '1aad6ebc:ac36590a');
  t.is(hash('abcd'), '02f7fa6c:c5388a58');
  t.is(hash('abcde'), '9aee36dc:44480030');
  t.is(hash('user-12345'), '106e6da6:4f4f096b');
  t.is(hash('ünïcödé'), 'd69c5afe:921ba9c2');
  t.is(hash('user-12345', LABEL_SEED.low, LABEL_SEED.high), 'cd43d7ae:e0fc85e1');
});

test('length, place and seed make a difference', (t) => {
  const texts = ['', '\0', '\0\0', '\0\0\0', '\0\0\0\0', '\0\0\0\0\0', 'ab', 'ba'];
  t.is(new Set(texts.map((text) => hash(text))).size, texts.length);
  t.not(hash('abc', 1, 0), hash('abc'));
  t.not(hash('abc', 0, 1), hash('abc'));
});

test('a changed bit changes half of the hash, in both lanes', (t) => {
  const count = 2_000;
  const flips = [0, 0];
  for (let i = 0; i < count; i++) {
    const before = hash(`key-${i}-0`).split(':');
    const after = hash(`key-${i}-1`).split(':');
    for (const lane of [0, 1]) {
      const changed =
        Number.parseInt(before[lane] as string, 16) ^ Number.parseInt(after[lane] as string, 16);
      flips[lane] = (flips[lane] as number) + bits(changed);
    }
  }
  for (const lane of flips) t.true(Math.abs(lane / count - 16) < 0.5, `${lane / count} of 32 bits`);
});

test('neither lane alone collides more than chance over similar keys', (t) => {
  const seen = [new Set<string>(), new Set<string>()];
  const count = 20_000;
  for (let i = 0; i < count; i++) {
    for (const [l, lane] of hash(`user-${i}`).split(':').entries()) seen[l]?.add(lane);
  }
  for (const lane of seen) t.true(lane.size >= count - 3);
});

function bits(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest !== 0; rest >>>= 1) count += rest & 1;
  return count;
}
