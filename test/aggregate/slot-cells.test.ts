import test from 'ava';
import { seededRandom } from '../../load-tests/random.ts';
import { SlotCells } from '../../src/aggregate/slot-cells.ts';

const KEY_SHIFT = 17;
const KEYS = 24_577;

/** Different keys, in no order; the least and the greatest are among them from two on. */
function drawKeys(count: number, seed: number): number[] {
  const random = seededRandom(seed);
  const keys = new Set([0, KEYS - 1].slice(0, count));
  while (keys.size < count) keys.add(random.between(0, KEYS));
  return [...keys].reverse();
}

test('entries come out ascending, however many a slot has', (t) => {
  const cells = new SlotCells(KEY_SHIFT, KEYS);
  const sizes = [0, 1, 2, 3, 12, 24, 25, 48, 100, 1_000, KEYS];
  cells.reserve(sizes.length);
  const out = new Uint32Array(KEYS);
  const wanted = sizes.map((size, slot) => {
    const entries = drawKeys(size, size + 1).map((key) => ((key << KEY_SHIFT) | (slot + 1)) >>> 0);
    for (const entry of entries) cells.insert(slot, entry);
    return entries.sort((a, b) => a - b);
  });
  // Twice: nothing is left behind of a slot that would come out with another.
  for (const _ of [1, 2]) {
    wanted.forEach((entries, slot) => {
      const count = cells.sorted(slot, out);
      t.deepEqual([...out.subarray(0, count)], entries);
    });
  }
});

test('a table with more keys than can be sorted is refused', (t) => {
  t.throws(() => new SlotCells(KEY_SHIFT, 32_769), { message: /at most 32768 keys/ });
});
