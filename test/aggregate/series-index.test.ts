import test from 'ava';
import fc from 'fast-check';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { LABEL_BYTES_MAX, SeriesIndex } from '../../src/aggregate/series-index.ts';
import { eventBlock, type PlainEvent, type Value } from './event-blocks.ts';

const columns = new BlockColumns();

function resolve(
  index: SeriesIndex,
  events: readonly PlainEvent[],
  repeatEntries = false,
): number[] {
  columns.load(eventBlock(events, { arrivalMs: 0 }, repeatEntries));
  const rows = Uint32Array.from(events.keys());
  const out = new Uint32Array(events.length);
  index.resolve(columns, rows, rows.length, out);
  return [...out];
}

test('series get ids from 1 in the order of appearance, and keep them', (t) => {
  const index = new SeriesIndex(['type', 'country'], 100);
  const events = [
    { type: 'view', country: 'de' },
    { type: 'view', country: 'fr' },
    { type: 'click', country: 'de' },
    { type: 'view', country: 'de' },
    { type: 'view' },
  ];
  t.deepEqual(resolve(index, events), [1, 2, 3, 1, 4]);
  t.deepEqual(resolve(index, events.toReversed(), true), [4, 1, 3, 2, 1]);
  t.deepEqual(index.labels(2), { id: 2, labels: ['view', 'fr'] });
  t.deepEqual(index.labels(4), { id: 4, labels: ['view', null] });
});

test('numbers and booleans are labels by their text, an empty text is not an absent one', (t) => {
  const index = new SeriesIndex(['v'], 100);
  const values: Value[] = ['1', 1, 1.5, true, 'true', false, null, '', -0, 1e21];
  t.deepEqual(
    resolve(
      index,
      values.map((v) => ({ v })),
    ),
    [1, 1, 2, 3, 3, 4, 5, 6, 7, 8],
  );
  t.deepEqual(
    [1, 2, 3, 4, 5, 6, 7, 8].map((id) => index.labels(id).labels[0]),
    ['1', '1.5', 'true', 'false', null, '', '0', '1e+21'],
  );
});

test('without dimensions everything is one series', (t) => {
  const index = new SeriesIndex([], 1);
  t.deepEqual(resolve(index, [{ a: 1 }, { b: 2 }]), [1, 1]);
  t.deepEqual(index.labels(1), { id: 1, labels: [] });
});

test('past the limit new labels share series 0 and are reported, known ones are not affected', (t) => {
  const index = new SeriesIndex(['type', 'user'], 2);
  resolve(index, [
    { type: 'view', user: 'a' },
    { type: 'click', user: 'b' },
  ]);
  t.is(index.overflow(), undefined);
  const events = Array.from({ length: 50 }, (_, i) => ({ type: 'view', user: `new-${i % 20}` }));
  t.deepEqual(resolve(index, [...events, { type: 'view', user: 'a' }]).slice(-2), [0, 1]);
  t.deepEqual(resolve(index, [{ type: 'click', user: 'a' }]), [0]);
  const report = index.overflow();
  t.is(report?.events, 51);
  t.deepEqual(report?.dimensions[0], { name: 'type', refused: 0, examples: [] });
  t.is(report?.dimensions[1]?.refused, 20);
  t.deepEqual(report?.dimensions[1]?.examples.slice(0, 2), ['new-0', 'new-1']);
  t.is(report?.dimensions[1]?.examples.length, 8);
  t.is(index.count, 2);
});

test('a value that is too long overflows by itself, whatever its neighbours are', (t) => {
  const index = new SeriesIndex(['type', 'url'], 10);
  const long = 'x'.repeat(LABEL_BYTES_MAX + 1);
  const fits = 'x'.repeat(LABEL_BYTES_MAX);
  const events = [
    { type: 'view', url: long },
    { type: 'view', url: fits },
    { type: 'click', url: long },
    { type: 'click', url: 'a' },
  ];
  t.deepEqual(resolve(index, events), [0, 1, 0, 2]);
  const report = index.overflow();
  t.is(report?.dimensions[0]?.refused, 0);
  t.is(report?.dimensions[1]?.refused, 1);
  t.is(report?.dimensions[1]?.examples[0]?.length, 100);
});

test('restored series have their ids again', (t) => {
  const event = fc.record({
    a: fc.oneof(fc.string({ maxLength: 3, unit: 'binary' }), fc.integer(), fc.constant(null)),
    b: fc.constantFrom('x', 'y', null),
  });
  fc.assert(
    fc.property(
      fc.array(event, { minLength: 1 }),
      fc.array(event, { minLength: 1 }),
      (first, then) => {
        const index = new SeriesIndex(['a', 'b'], 1_000);
        const ids = resolve(index, first);
        const restored = new SeriesIndex(['a', 'b'], 1_000);
        const series = Array.from({ length: index.count }, (_, i) => index.labels(i + 1));
        restored.restore(series.toReversed());
        t.deepEqual(resolve(restored, first, true), ids);
        t.deepEqual(resolve(restored, then), resolve(index, then));
      },
    ),
    { numRuns: 200 },
  );
});

test('series that are not 1..n are refused', (t) => {
  const index = new SeriesIndex(['a'], 10);
  t.throws(() => index.restore([{ id: 2, labels: ['x'] }]), { code: 'state_corrupt' });
  t.throws(() => index.restore([{ id: 1, labels: ['x', 'y'] }]), { code: 'state_corrupt' });
});

test('wide dimensions are resolved like narrow ones, and thousands of series are found again', (t) => {
  const index = new SeriesIndex(['a', 'b'], 20_000);
  const events = Array.from({ length: 5_000 }, (_, i) => ({
    a: `a${i}`,
    b: `b${(i * 7) % 5_000}`,
  }));
  const ids = resolve(index, events);
  t.deepEqual(
    ids,
    events.map((_, i) => i + 1),
  );
  t.deepEqual(resolve(index, events.toReversed()), ids.toReversed());
});
