/** The small parts of the edge, one by one. */
import { gzipSync, zstdCompressSync } from 'node:zlib';
import test from 'ava';
import fc from 'fast-check';
import { Body, BodyMemory } from '../../src/ingest/body-memory.ts';
import { networkOf, TrustedProxies } from '../../src/ingest/client-address.ts';
import { Inflater } from '../../src/ingest/inflate.ts';
import { placeRows, rowsWithin } from '../../src/ingest/placement.ts';
import { TokenBucket } from '../../src/ingest/quota.ts';
import { zstdFrames } from '../../src/ingest/zstd-frames.ts';

test('placing keeps every row once, in order, in the partition of its hash', (t) => {
  const hashes = fc.array(fc.nat(20), { maxLength: 200 });
  const property = fc.property(hashes, fc.integer({ min: 1, max: 9 }), (all, partitions) => {
    const keyless = partitions - 1;
    const placed = placeRows(Uint32Array.from(all), all.length, partitions, keyless);
    const found = placed.flatMap(({ partition, count, index }) => {
      const rows = index === undefined ? all.map((_, row) => row) : [...index];
      t.is(rows.length, count);
      t.deepEqual(
        rows,
        [...rows].sort((a, b) => a - b),
      );
      return rows.map((row) => [row, partition]);
    });
    const expected = all.map((hash, row) => [
      row,
      partitions === 1 ? 0 : hash === 0 ? keyless : hash % partitions,
    ]);
    t.deepEqual(
      found.sort(([a = 0], [b = 0]) => a - b),
      expected,
    );
  });
  t.notThrows(() => fc.assert(property));
});

test('no rows are placed nowhere', (t) => {
  for (const partitions of [1, 3]) t.deepEqual(placeRows(new Uint32Array(9), 0, partitions, 0), []);
});

test('a range of batch rows is found again in its block', (t) => {
  const index = Uint32Array.from([2, 3, 7, 9]);
  const rows = { partition: 1, count: 4, index };
  t.deepEqual(rowsWithin(rows, 3, 9), { from: 1, to: 3 });
  t.deepEqual(rowsWithin(rows, 4, 7), { from: 2, to: 2 });
  t.deepEqual(rowsWithin({ ...rows, index: undefined }, 4, 7), { from: 4, to: 7 });
});

test('body memory is bounded, reused and given back', (t) => {
  const memory = new BodyMemory(64 * 1024);
  const body = new Body(memory);
  t.true(body.append(Buffer.alloc(20_000, 'a')));
  t.true(body.append(Buffer.alloc(5_000, 'b')));
  t.is(Buffer.from(body.bytes()).toString(), 'a'.repeat(20_000) + 'b'.repeat(5_000));
  t.is(memory.bytesTaken, 32 * 1024);
  const other = new Body(memory);
  t.true(other.append(Buffer.alloc(32 * 1024)));
  t.false(new Body(memory).append(Buffer.alloc(1)));
  t.false(body.append(Buffer.alloc(10_000)), 'growing needs both buffers for a moment');
  body.release();
  body.release();
  other.release();
  t.is(memory.bytesTaken, 0);
});

test('at most two bodies inflate at once, and all of them do', async (t) => {
  const inflater = new Inflater(1 << 20);
  const texts = Array.from({ length: 20 }, (_, i) => String(i).repeat(1_000 + i));
  const inflated = await Promise.all(texts.map((text) => inflater.inflate(gzipSync(text), 'gzip')));
  const found = inflated.map((one) =>
    one.ok ? Buffer.from(one.value).toString() : one.error.code,
  );
  t.deepEqual(found, texts);
});

test('zstd frames are found as whole frames, whatever they hold', (t) => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 5_000 }), { minLength: 1, maxLength: 4 });
  const property = fc.property(pieces, fc.nat(), (parts, cut) => {
    const frames = parts.map((part) => zstdCompressSync(part));
    const whole = Buffer.concat(frames);
    const found = zstdFrames(whole);
    t.deepEqual(found.ok ? found.value.map((one) => Buffer.from(one)) : [], frames);
    const ends = new Set(frames.map((_, i) => Buffer.concat(frames.slice(0, i + 1)).length));
    const at = cut % whole.length;
    if (!ends.has(at)) t.false(zstdFrames(whole.subarray(0, at)).ok);
  });
  t.notThrows(() => fc.assert(property));
});

test('skippable zstd frames are passed over', (t) => {
  const frame = zstdCompressSync('hello');
  const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const found = zstdFrames(Buffer.concat([skippable, frame, skippable]));
  t.deepEqual(found.ok && found.value.length, 1);
  t.deepEqual(zstdFrames(skippable), { ok: false, error: 'truncated' });
});

test('a bucket lets pass what is there, keeps the debt and fills with time', (t) => {
  const bucket = new TokenBucket(100, 0);
  t.is(bucket.waitMs(0), 0);
  bucket.charge(250);
  t.is(bucket.waitMs(0), 1_501);
  t.is(bucket.waitMs(1_400), 101);
  t.is(bucket.waitMs(1_600), 0);
  t.is(bucket.waitMs(1_000), 0, 'a clock that goes back takes nothing away');
  t.is(bucket.waitMs(1_000_000), 0);
  bucket.charge(101);
  t.true(bucket.waitMs(1_000_000) > 0, 'it holds one second at most');
});

test('the client is the last address that is not a trusted proxy', (t) => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '::1']);
  const cases = [
    ['10.1.1.1', '203.0.113.7', '203.0.113.7'],
    ['10.1.1.1', '6.6.6.6, 203.0.113.7, 10.2.2.2', '203.0.113.7'],
    ['203.0.113.9', '6.6.6.6', '203.0.113.9'],
    ['10.1.1.1', 'unknown', '10.1.1.1'],
    ['10.1.1.1', '', '10.1.1.1'],
    ['0000:0000:0000:0000:0000:ffff:0a01:0101', '2001:db8::1', '2001:db8::1'],
    ['::1', '10.3.3.3', '10.3.3.3'],
  ] as const;
  for (const [peer, forwardedFor, client] of cases) {
    t.is(proxies.clientOf(peer, forwardedFor), client);
  }
  t.is(new TrustedProxies([]).clientOf('::ffff:7.7.7.7', '6.6.6.6'), '7.7.7.7');
});

test('of an address 24 bits are looked at, of an IPv6 one 48, however it is written', (t) => {
  const cases = [
    ['203.0.113.77', '203.0.113.0'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::'],
    ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1::'],
    ['2001:db8::6', '2001:db8:0::'],
    ['2001::2:3:4:5:6:7', '2001:0:2::'],
    ['::1', '0:0:0::'],
    ['1::', '1:0:0::'],
    ['unknown', ''],
    ['', ''],
  ] as const;
  for (const [address, network] of cases) t.is(networkOf(address), network, address);
});
