import test from 'ava';
import fc from 'fast-check';
import { parseRfc3339 } from '../../../src/ingest/decode/rfc3339.ts';

const parse = (text: string): number => parseRfc3339(Buffer.from(text), 0, Buffer.byteLength(text));

test('it agrees with Date on every instant and zone', (t) => {
  const zones = fc.oneof(
    fc.constant('Z'),
    fc
      .record({ sign: fc.constantFrom('+', '-'), hours: fc.nat(23), minutes: fc.nat(59) })
      .map(
        ({ sign, hours, minutes }) =>
          `${sign}${`${hours}`.padStart(2, '0')}:${`${minutes}`.padStart(2, '0')}`,
      ),
  );
  const instants = fc.date({
    min: new Date('0000-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59.999Z'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(instants, zones, fc.nat(3), (instant, zone, digits) => {
      const local = instant.toISOString().slice(0, 19);
      const fraction = digits === 0 ? '' : `.${'123'.slice(0, digits)}`;
      const text = local + fraction + zone;
      t.is(parse(text), Date.parse(text), text);
    }),
    { numRuns: 2000 },
  );
});

test('a leap second is the last millisecond of the last minute of a UTC day, and nothing else', (t) => {
  const last = Date.parse('2016-12-31T23:59:59.999Z');
  t.is(parse('2016-12-31T23:59:60Z'), last);
  t.is(parse('2016-12-31T23:59:60.75Z'), last);
  t.is(parse('2017-01-01T05:29:60+05:30'), last);
  t.is(parse('2016-12-31T23:58:60Z'), Number.NaN);
  t.is(parse('2016-12-31T23:59:60+01:00'), Number.NaN);
});

test('anything else is NaN, whatever one byte of a good text becomes', (t) => {
  const good = Buffer.from('2024-02-29T23:59:59.5+01:00');
  for (let at = 0; at < good.length; at++) {
    for (const byte of Buffer.from('/:;@Aaz .-+,\u0000')) {
      const hurt = Buffer.from(good);
      hurt[at] = byte;
      const equivalent = hurt.equals(good) || hurt.toString() === '2024-02-29T23:59:59.5-01:00';
      if (!equivalent) t.is(parseRfc3339(hurt, 0, hurt.length), Number.NaN, hurt.toString());
    }
    t.is(parseRfc3339(good, 0, at), Number.NaN);
  }
});
