import test from 'ava';
import fc from 'fast-check';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { DistinctTable } from '../../src/aggregate/distinct-sketch.ts';
import { lookAtField, SAMPLE_CHARS_MAX } from '../../src/aggregate/field-look.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { eventBlock, type Value } from './event-blocks.ts';

/** A field `f` of events that all have a type. */
function lookAt(values: readonly Value[], keep?: Uint8Array, repeatEntries = false) {
  const events = values.map((f) => ({ type: 't', ...(f !== null && { f }) }));
  const block = eventBlock(events, { arrivalMs: 1 }, repeatEntries);
  const hasTexts = block.field('f', COLUMN_KIND.string) !== undefined;
  const distinct = new DistinctTable();
  const columns = new BlockColumns().load(block);
  const look = lookAtField(columns, 'f', hasTexts, keep, distinct, 0);
  return { ...look, distinct: Math.round(distinct.estimate(0)) };
}

const value = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('', 'a', 'b', '1', 'true', 'ü'),
);
const rows = fc.array(fc.tuple(value, fc.boolean()), { minLength: 1, maxLength: 40 });

test('every kept row is counted by its kind, and different values once, whatever else the field holds', (t) => {
  fc.assert(
    fc.property(rows, fc.boolean(), (all, repeatEntries) => {
      const keep = Uint8Array.from(all, ([, isKept]) => Number(isKept));
      const look = lookAt(
        all.map(([each]) => each),
        keep,
        repeatEntries,
      );
      const kept = all.flatMap(([each, isKept]) => (isKept && each !== null ? [each] : []));
      const count = (kind: string) => kept.filter((each) => typeof each === kind).length;
      t.is(look.texts, count('string'));
      t.is(look.numbers, count('number'));
      t.is(look.booleans, count('boolean'));
      const texts = new Set(kept.map(String));
      t.true(look.samples.every((sample) => texts.has(sample)));
      t.is(look.samples.length > 0, kept.length > 0);
      // Two of so few fall into one of 4,096 registers once in a while.
      const different = new Set(kept.map((each) => (each === 0 ? 0 : each))).size;
      t.true(Math.abs(look.distinct - different) <= 1 + different * 0.1);
    }),
  );
});

test('a long sample is cut, and no character in the middle', (t) => {
  const long = `${'x'.repeat(SAMPLE_CHARS_MAX - 2)}😀😀`;
  t.deepEqual(lookAt([long, 'short']).samples, [`${'x'.repeat(SAMPLE_CHARS_MAX - 2)}…`, 'short']);
  t.true(lookAt(['語'.repeat(1_000)]).samples.every((text) => text.length === SAMPLE_CHARS_MAX));
});
