/**
 * The offsets of texts that all have one length. They are the same in every block, and a reader that made them anew for the ids, users
 * and countries of each would leave a tenth as much to the collector as the blocks themselves.
 */

/** By length, each as long as the longest that was asked for: 4 MiB in all at most. */
const known: (Uint32Array | undefined)[] = [];
const LENGTHS_KNOWN = 64;
const MULTIPLES_KNOWN = 16_384;

/** At least `0, length, … count * length`; shared, and never to be written to. */
export function multiplesOf(length: number, count: number): Uint32Array {
  if (length >= LENGTHS_KNOWN || count >= MULTIPLES_KNOWN) return makeMultiples(length, count + 1);
  const made = known[length];
  if (made !== undefined && made.length > count) return made;
  const longer = makeMultiples(length, Math.min(MULTIPLES_KNOWN, 2 * count + 1));
  known[length] = longer;
  return longer;
}

function makeMultiples(length: number, count: number): Uint32Array {
  const multiples = new Uint32Array(count);
  for (let i = 1; i < count; i++) multiples[i] = i * length;
  return multiples;
}
