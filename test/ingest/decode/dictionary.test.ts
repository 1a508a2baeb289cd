import test from 'ava';
import { Dictionary } from '../../../src/ingest/decode/dictionary.ts';
import { hashBytes } from '../../../src/ingest/decode/hash.ts';

const scratch = Buffer.from(new ArrayBuffer(4096));
const view = new DataView(scratch.buffer);

function intern(dictionary: Dictionary, text: string, hash?: number): number {
  const length = scratch.write(text, 3);
  return dictionary.intern(view, 3, 3 + length, hash ?? hashBytes(view, 3, 3 + length));
}

const entry = ({ bytes, offsets }: Dictionary, code: number): string =>
  Buffer.from(bytes.subarray(offsets[code - 1], offsets[code])).toString();

test('the hash is MurmurHash3_x86_32 of seed 0', (t) => {
  const known = { '': 0, a: 0x3c2569b2, abc: 0xb3dd93fa, 'Hello, world!': 0xc0363e43 };
  for (const [text, hash] of Object.entries(known)) {
    const length = scratch.write(text, 1);
    t.is(hashBytes(view, 1, 1 + length) >>> 0, hash, text);
  }
});

test('equal strings have one code, over batches and over growth', (t) => {
  const dictionary = new Dictionary(false);
  const texts = Array.from({ length: 3000 }, (_, i) => 'x'.repeat(i % 9) + i);
  const codes = texts.map((text) => intern(dictionary, text));
  dictionary.reset();
  t.deepEqual(
    texts.map((text) => intern(dictionary, text)),
    codes,
  );
  t.deepEqual(
    codes.map((code) => entry(dictionary, code)),
    texts,
  );
});

test('strings that share a hash are kept apart, and cost no more than a few steps', (t) => {
  const dictionary = new Dictionary(false);
  const texts = Array.from({ length: 20_000 }, (_, i) => `collision ${i}`);
  const codes = texts.map((text) => intern(dictionary, text, 7));
  t.deepEqual(
    codes.map((code) => entry(dictionary, code)),
    texts,
  );
  t.is(intern(dictionary, 'collision 3', 7), codes[3]!);
});

test('a column whose values do not repeat becomes plain, and its entries go with the batch', (t) => {
  const dictionary = new Dictionary(false);
  for (let i = 0; i < 10_000; i++) intern(dictionary, `id ${i}`);
  t.false(dictionary.plain);
  dictionary.reset();
  t.true(dictionary.plain);
  t.deepEqual([intern(dictionary, 'a'), intern(dictionary, 'a')], [1, 2]);
  dictionary.retract(2);
  t.is(dictionary.count, 1);
  dictionary.reset();
  t.is(dictionary.count, 0);
});

test('a column of many values that do repeat stays a dictionary', (t) => {
  const dictionary = new Dictionary(false);
  for (let batch = 0; batch < 5; batch++) {
    for (let i = 0; i < 40_000; i++) intern(dictionary, `page ${i % 8000}`);
    dictionary.reset();
    t.false(dictionary.plain);
  }
  t.is(dictionary.count, 8000);
});

test('what does not fit into a full dictionary is kept for its batch', (t) => {
  const dictionary = new Dictionary(false);
  const texts = Array.from({ length: 70_000 }, (_, i) => `${i}`);
  const codes = texts.map((text) => intern(dictionary, text));
  t.is(entry(dictionary, codes[69_999]!), '69999');
  dictionary.reset();
  t.is(dictionary.count, 0);
});
