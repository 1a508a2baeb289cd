import test from 'ava';
import fc from 'fast-check';
import { NORMALIZED_LENGTH_MAX, normalizeText } from '../../src/aggregate/normalizer.ts';

const TABLE: readonly (readonly [text: string, normalized: string])[] = [
  ['user 4711 not found', 'user ? not found'],
  ['user4711 not found', 'user? not found'],
  ['took 12ms, limit 1.5s', 'took ?ms, limit ?s'],
  ['12,345.67 of -8 (+3) at 1e-9 and 2.5E+10', '? of ? (?) at ? and ?'],
  ['range 10-20, a-1, x=-1', 'range ?-?, a-?, x=?'],
  ['version 1.2.3', 'version ?'],
  ['at 0x7ffe12 in deadbeef01', 'at ? in ?'],
  ['a decade is faced, a facade', 'a decade is faced, a facade'],
  ['deadbeef is no id without a digit', 'deadbeef is no id without a digit'],
  ['id 550e8400-e29b-41d4-a716-446655440000!', 'id ?!'],
  ['from 10.0.0.1:8080 to 192.168.1.255', 'from ? to ?'],
  ['from fe80::1 and 2001:db8::8a2e:370:7334', 'from ? and ?'],
  ['std::fmt and a::b', 'std::fmt and a::b'],
  ['mail to jane.doe+x@mail.example.org failed', 'mail to ? failed'],
  ['user@host has no mail', 'user@host has no mail'],
  ['at 2026-11-21T09:36:00.123Z', 'at ?'],
  ['at 2026-11-21 09:36:00,123 +0100', 'at ?'],
  ['on 2026-11-21', 'on ?'],
  ['at 09:36:00', 'at ?'],
  ['no such file "a b.txt"', 'no such file ?'],
  ["key='x y' and `z`", 'key=? and ?'],
  ["don't stop, it's 'quoted'", "don't stop, it's ?"],
  ['an "open end', 'an "open end'],
  ['token eyJhbGciOiJIUzI1NiIsInR5cCI6 used', 'token ? used'],
  ['pod api-7d9f8b6c5d12-x2x9z', 'pod api-?-x?x?z'],
  ['sha256 of utf8', 'sha? of utf?'],
  ['größe 5 → naïve 日本 12', 'größe ? → naïve 日本 ?'],
  [`word ${'x'.repeat(65)} end`, 'word ? end'],
  ['', ''],
];

for (const [text, normalized] of TABLE) {
  test(`${JSON.stringify(text)} becomes ${JSON.stringify(normalized)}`, (t) => {
    t.is(normalizeText(text), normalized);
  });
}

/** Mostly what messages with ids in them are made of. */
const part = fc.oneof(
  fc.constantFrom(
    '"',
    "'",
    '`',
    ' ',
    '.',
    ':',
    '@',
    '-',
    '+',
    '?',
    '…',
    '_',
    '0x',
    'e',
    '\\',
    '::',
  ),
  fc.constantFrom('user', 'deadbeef', 'a@b.c', '10.0.0.1', '2026-11-21T09:36', 'don', 'fe80'),
  fc.integer().map(String),
  fc.uuid(),
  fc.string({ unit: 'binary' }),
  fc.integer({ min: 50, max: 80 }).map((length) => 'x'.repeat(length)),
);
const message = fc.array(part, { maxLength: 60 }).map((parts) => parts.join(''));

test('normalizing again changes nothing, no digit is left, and the length has a bound', (t) => {
  const property = fc.property(message, (text) => {
    const once = normalizeText(text);
    t.true(once.length <= NORMALIZED_LENGTH_MAX);
    t.false(/[0-9]/.test(once));
    t.is(normalizeText(once), once);
  });
  fc.assert(property, { numRuns: 4_000 });
  t.pass();
});

test('a long message is cut behind a whole word', (t) => {
  const text = normalizeText('message number 12 '.repeat(100));
  t.true(text.length <= NORMALIZED_LENGTH_MAX);
  t.regex(text, /(?:message|number|\?| )…$/);
});

test('no text of 64 KiB takes long', (t) => {
  const units = [
    '1',
    '-',
    '"',
    "'",
    'a.',
    '1.1.',
    '::',
    'a@',
    'a@b.',
    '0x',
    ' \\"',
    'f',
    '2026-',
    '\u{1f600}',
  ];
  const before = process.cpuUsage();
  for (const unit of units) normalizeText(`${unit.repeat(65_536 / unit.length)}"`);
  t.true(process.cpuUsage(before).user < 2_000_000, 'microseconds');
});
