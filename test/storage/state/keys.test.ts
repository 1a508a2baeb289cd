import test from 'ava';
import fc from 'fast-check';
import {
  bucketOfRollupRow,
  deadLetterKey,
  deadLetterRange,
  ledgerKey,
  ledgerRange,
  parseDeadLetterKey,
  parseLedgerKey,
  parseRollupRowKey,
  partitionStateKey,
  rollupRange,
  rollupRowKey,
  rollupRowRange,
  seriesIdOf,
  seriesKey,
  seriesRange,
  serverKey,
  verdictKey,
  verdictOffset,
  verdictRange,
} from '../../../storage/state/keys.ts';

const name = fc.string({
  minLength: 1,
  maxLength: 6,
  unit: fc.constantFrom('a', 'b', 'ab', '_', 'é', '\u{1F600}'),
});
const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const rowAt = fc.record({
  partition: fc.nat(0xffff),
  tenant: name,
  rollup: name,
  stepMs: fc.nat(86_400_000),
  group: fc.nat(255),
  bucketMs: fc.oneof(fc.nat(300), fc.nat({ max: 253_402_300_799_999 })),
});
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const compareText = (a: string, b: string): number => Buffer.compare(bytesOf(a), bytesOf(b));

test('byte order of rollup rows is the order of their fields, and they read back', (t) => {
  fc.assert(
    fc.property(rowAt, rowAt, fc.nat(6), (a, other, shared) => {
      // Share a prefix of fields, or no pair would ever get past the first one.
      const names = ['partition', 'tenant', 'rollup', 'stepMs', 'group', 'bucketMs'] as const;
      const b = { ...other };
      for (const field of names.slice(0, shared)) Object.assign(b, { [field]: a[field] });
      const order =
        a.partition - b.partition ||
        compareText(a.tenant, b.tenant) ||
        compareText(a.rollup, b.rollup) ||
        a.stepMs - b.stepMs ||
        a.group - b.group ||
        a.bucketMs - b.bucketMs;
      t.is(Math.sign(Buffer.compare(rollupRowKey(a), rollupRowKey(b))), Math.sign(order));
      t.deepEqual(parseRollupRowKey(rollupRowKey(a)), a);
      t.is(bucketOfRollupRow(rollupRowKey(a)), a.bucketMs);
    }),
  );
});

test('the keys of ledger, dead letters, series and verdicts read back', (t) => {
  fc.assert(
    fc.property(name, name, number, fc.nat(0xffff_ffff), fc.nat(0xffff), (a, b, n, u32, p) => {
      const ledger = { partition: p, tenant: a, stream: b, arrivalHourMs: n };
      t.deepEqual(parseLedgerKey(ledgerKey(ledger)), ledger);
      const letter = { partition: p, tenant: a, offset: n, row: u32 };
      t.deepEqual(parseDeadLetterKey(deadLetterKey(letter)), letter);
      t.is(seriesIdOf(seriesKey(p, a, b, u32)), u32);
      t.is(verdictOffset(verdictKey(p, n)), n);
    }),
  );
});

test('a range holds its rows and nobody else`s', (t) => {
  fc.assert(
    fc.property(rowAt, number, (a, n) => {
      const keys: [string, Uint8Array][] = [
        ['state', partitionStateKey(a.partition)],
        ['server', serverKey()],
        ['verdict', verdictKey(a.partition, n)],
        ['ledger', ledgerKey({ ...a, arrivalHourMs: n, stream: a.rollup })],
        ['letter', deadLetterKey({ ...a, offset: n, row: 1 })],
        ['series', seriesKey(a.partition, a.tenant, a.rollup, 7)],
        ['longer', seriesKey(a.partition, a.tenant, `${a.rollup}a`, 7)],
        ['row', rollupRowKey(a)],
        ['other', rollupRowKey({ ...a, tenant: `${a.tenant}a` })],
      ];
      const within = ({ from, to }: { from: Uint8Array; to: Uint8Array }) =>
        keys
          .filter(([, key]) => Buffer.compare(from, key) <= 0 && Buffer.compare(key, to) < 0)
          .map(([what]) => what);
      const { partition, tenant, rollup } = a;
      if (n < Number.MAX_SAFE_INTEGER) {
        t.deepEqual(within(verdictRange(partition, n, n + 1)), ['verdict']);
        t.deepEqual(within(ledgerRange(partition, tenant, n, n + 1)), ['ledger']);
      }
      t.deepEqual(within(deadLetterRange(partition, tenant)), ['letter']);
      t.deepEqual(within(seriesRange(partition, tenant, rollup)), ['series']);
      t.deepEqual(within(seriesRange(partition, tenant, rollup, 6)), ['series']);
      t.deepEqual(within(seriesRange(partition, tenant, rollup, 7)), []);
      t.deepEqual(within(rollupRange(partition, tenant, rollup)), ['row']);
      t.deepEqual(within(rollupRowRange(a, a.bucketMs, a.bucketMs + 1)), ['row']);
    }),
  );
});

test('a name that a key cannot hold is refused, not shortened', (t) => {
  const at = { partition: 0, rollup: 'r', stepMs: 1, group: 0, bucketMs: 0 };
  t.throws(() => rollupRowKey({ ...at, tenant: 'a\0b' }), { instanceOf: RangeError });
  t.throws(() => rollupRowKey({ ...at, tenant: 'a'.repeat(2_000) }), { instanceOf: RangeError });
  t.throws(() => rollupRowKey({ ...at, tenant: 'a', bucketMs: -1 }), { instanceOf: RangeError });
});
