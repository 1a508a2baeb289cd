import test from 'ava';
import { IdTable, TAGS } from '../../../actors/partition/id-table.ts';
import { Random } from '../../simulation/random.ts';

const MIB = 2 ** 20;

/** `wide` decides how many different hashes there are; few make duplicates, equal lanes make full buckets. */
function hashes(random: Random, count: number, wide: number, lane = 2 ** 32 - 1) {
  const low = new Uint32Array(count);
  const high = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    low[i] = Math.imul(random.int(0, wide), 0x9e3779b1);
    high[i] = random.int(0, lane) >>> 0;
  }
  return { low, high };
}

/** A table beside a plain map from hash to generation. */
class Pair {
  readonly table: IdTable;
  readonly model = new Map<string, number>();
  readonly alive: number[] = [];
  #tag = 0;

  constructor(bytesMax: number) {
    this.table = new IdTable(bytesMax);
  }

  begin(): void {
    this.#tag = (this.#tag % TAGS) + 1;
    this.table.begin(this.#tag);
    this.alive.push(this.#tag);
  }

  retireOldest(): void {
    const tag = this.alive.shift();
    if (tag === undefined) return;
    this.table.retire(tag);
    for (const [key, of] of this.model) if (of === tag) this.model.delete(key);
  }

  /** Row numbers on which the two do not agree. */
  add({ low, high }: { low: Uint32Array; high: Uint32Array }): number[] {
    const fresh = new Uint8Array(low.length).fill(1);
    this.table.add({ low, high }, low.length, fresh, this.#tag);
    const wrong: number[] = [];
    low.forEach((lo, i) => {
      const key = `${lo}/${high[i]}`;
      const isFresh = !this.model.has(key);
      if (isFresh) this.model.set(key, this.#tag);
      if (isFresh !== (fresh[i] === 1)) wrong.push(i);
    });
    return wrong;
  }
}

test('the table agrees with a plain map, through growth, forgetting and tags that come again', (t) => {
  const random = new Random(1);
  const pair = new Pair(2 * MIB);
  for (let generation = 0; generation < 3 * TAGS; generation++) {
    pair.begin();
    for (let batch = 0; batch < random.int(0, 3); batch++) {
      t.deepEqual(pair.add(hashes(random, random.int(1, 700), 400, 20)), []);
    }
    t.is(pair.table.count, pair.model.size);
    while (pair.alive.length > 12) pair.retireOldest();
  }
});

test('it holds its capacity within its memory', (t) => {
  const random = new Random(2);
  const pair = new Pair(MIB);
  pair.begin();
  while (pair.table.count + 1_000 <= pair.table.capacity) {
    t.deepEqual(pair.add(hashes(random, 1_000, 2 ** 31)), []);
  }
  t.true(pair.table.capacity > 60_000);
  t.true(pair.table.bytes <= MIB);
});

test('hashes that all belong into one bucket are still told apart', (t) => {
  const random = new Random(3);
  const pair = new Pair(MIB);
  for (let generation = 0; generation < 6; generation++) {
    pair.begin();
    t.deepEqual(pair.add(hashes(random, 300, 200, 0)), []);
    if (generation >= 2) pair.retireOldest();
  }
});

test('a batch that is larger than the bound is taken all the same', (t) => {
  const pair = new Pair(0);
  pair.begin();
  t.deepEqual(pair.add(hashes(new Random(4), 20_000, 2 ** 31)), []);
  t.is(pair.table.count, pair.model.size);
});

test('each batch moves its share of a growing table, and nothing is forgotten on the way', (t) => {
  const random = new Random(5);
  const pair = new Pair(16 * MIB);
  pair.begin();
  const older = hashes(random, 1_000, 2 ** 31);
  t.deepEqual(pair.add(older), []);
  let most = 0;
  let total = 0;
  for (let batch = 0; batch < 250; batch++) {
    const before = pair.table.moves;
    t.deepEqual(pair.add(hashes(random, 1_000, 2 ** 31)), []);
    t.deepEqual(pair.add(older), []);
    total = pair.table.moves;
    most = Math.max(most, batch < 10 ? 0 : total - before);
  }
  // A group of 64 buckets holds 202 hashes when growth begins, and gets 67 more until it ends.
  t.true(total > 1_000);
  t.true(most <= 2 * Math.ceil(1_000 / 67));
});
