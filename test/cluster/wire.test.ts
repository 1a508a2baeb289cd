import test from 'ava';
import fc from 'fast-check';
import { frame, framesOf, pack, packRows, unpack, unpackRows } from '../../src/cluster/wire.ts';
import { isFault } from '../../src/model/errors.ts';

async function* cut(bytes: Uint8Array, at: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [...at.map((place) => place % (bytes.length + 1)), bytes.length];
  let from = 0;
  for (const to of places.sort((a, b) => a - b)) {
    yield bytes.subarray(from, to);
    from = to;
  }
}

async function all(body: AsyncIterable<Uint8Array>): Promise<string[]> {
  const frames: string[] = [];
  for await (const each of framesOf(body)) frames.push(each.toString('hex'));
  return frames;
}

test('frames arrive whole, wherever a body is cut', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(fc.array(bytes), fc.array(fc.nat(500)), async (frames, places) => {
      const body = Buffer.concat(frames.map((each) => frame(each)));
      const expected = frames.map((each) => Buffer.from(each).toString('hex'));
      t.deepEqual(await all(cut(body, places)), expected);
    }),
    { numRuns: 200 },
  );
});

test('a body that ends within a frame, or announces a huge one, is refused', async (t) => {
  const whole = frame(Buffer.from('abc'));
  const part = await t.throwsAsync(all(cut(whole.subarray(0, whole.length - 1), [])));
  t.true(isFault(part, 'node_away'));
  const huge = Buffer.alloc(8, 0xff);
  t.true(isFault(await t.throwsAsync(all(cut(huge, []))), 'node_away'));
});

test('rows and values arrive as they were', (t) => {
  const row = fc.record({
    key: fc.uint8Array({ maxLength: 30 }),
    value: fc.uint8Array({ maxLength: 300 }),
  });
  fc.assert(
    fc.property(fc.array(row), (rows) => {
      const plain = (some: typeof rows) =>
        some.map(({ key, value }) => [
          Buffer.from(key).toString('hex'),
          Buffer.from(value).toString('hex'),
        ]);
      const back = unpackRows(packRows(rows)) as typeof rows;
      t.deepEqual(plain(back), plain(rows));
    }),
    { numRuns: 200 },
  );
  const packed = packRows([{ key: Buffer.from('key'), value: Buffer.from('value') }]);
  for (let length = 1; length < packed.length; length++) {
    t.throws(() => unpackRows(packed.subarray(0, length)), { message: /cut off/ });
  }
  const value = {
    a: Number.NEGATIVE_INFINITY,
    b: undefined,
    c: null,
    d: 2 ** 52 + 1,
    e: -0.1,
    f: ['é'],
  };
  t.deepEqual(unpack(pack(value)), value);
});
