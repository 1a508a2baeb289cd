import test from 'ava';
import { filterBits, filterBytes, ValueFilters } from '../../../actors/cold/value-filters.ts';

const BITS = 1024;
/** With one value whose hash ends in `place`. */
function filter(place: number): Uint8Array {
  const bits = new Uint8Array(BITS / 8);
  bits[place >> 3] = 0x80 >> (place & 7);
  return bits;
}

test('a value that a file may hold is one of which the end of its hash is marked', (t) => {
  const filters = new ValueFilters(1e6);
  filters.keep('a', 'user', filter(9));
  t.true(filters.mayHold('a', 'user', [9]));
  t.true(filters.mayHold('a', 'user', [BITS * 5 + 9]));
  t.true(filters.mayHold('a', 'user', [1, 9]));
  t.false(filters.mayHold('a', 'user', [8]));
  t.false(filters.mayHold('a', 'user', []));
  filters.keep('b', 'user', new Uint8Array());
  t.false(filters.mayHold('b', 'user', [9]));
});

test('of what is not known every value may be there', (t) => {
  const filters = new ValueFilters(1e6);
  filters.keep('a', 'user', filter(9));
  t.true(filters.mayHold('b', 'user', [8]));
  t.true(filters.mayHold('a', 'session', [8]));
  filters.forget();
  t.true(filters.mayHold('a', 'user', [8]));
  t.is(filters.bytes, 0);
});

test('filters take no more memory than they may: the least recently used go', (t) => {
  const room = 3 * filterBytes(BITS);
  const filters = new ValueFilters(room);
  for (const path of ['a', 'b', 'c']) filters.keep(path, 'user', filter(9));
  t.is(filters.bytes, room);
  t.true(filters.has('a', 'user'));
  filters.keep('d', 'user', filter(9));
  t.deepEqual(
    ['a', 'b', 'c', 'd'].filter((path) => filters.has(path, 'user')),
    ['a', 'c', 'd'],
  );
  for (let i = 0; i < 1000; i++) {
    filters.keep(`file ${i}`, 'user', i % 2 === 0 ? filter(i) : new Uint8Array());
    t.true(filters.bytes <= room);
  }
  for (let i = 0; i < 10; i++) filters.keep('file 999', 'user', filter(i));
  t.true(filters.bytes <= room && filters.has('file 999', 'user'));
});

test('a filter has about 16 bits for each event of its file, and a file of millions has none', (t) => {
  t.is(filterBits({ rows: 0 }), 1024);
  t.is(filterBits({ rows: 10 }), 1024);
  t.is(filterBits({ rows: 13_889 }), 2 ** 18);
  t.is(filterBits({ rows: 2 ** 20 }), 2 ** 24);
  t.is(filterBits({ rows: 2 ** 20 + 1 }), undefined);
});
