/** Randomness that a seed repeats: a failed run is run again by its seed. */

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [from, to). */
  between(from: number, to: number): number;
  /** Standard normal (Box and Muller's transform, one of its two values). */
  normal(): number;
}

/** Marsaglia's xorshift32, scrambled at the start so that neighbouring seeds do not resemble each other. */
export function seededRandom(seed: number): Random {
  let state = Math.imul(seed ^ 0x9e37_79b9, 0x85eb_ca6b) | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 8; i++) next();
  return {
    next,
    between: (from, to) => from + Math.floor(next() * (to - from)),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

/** Draws an index with the probability of its weight. */
export function weighted(weights: readonly number[]): (random: Random) => number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return (random) => {
    let left = random.next() * total;
    for (let i = 0; i < weights.length; i++) {
      left -= weights[i] as number;
      if (left < 0) return i;
    }
    return weights.length - 1;
  };
}
