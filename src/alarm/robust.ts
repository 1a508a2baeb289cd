/**
 * A baseline that a few odd weeks do not move: the median, and as its deviation the median absolute deviation
 * (MAD) times 1.4826, which for normally distributed values is their standard deviation. Up to half of the samples may be
 * arbitrarily wrong before either breaks.
 *
 * Source: F. R. Hampel, "The Influence Curve and Its Role in Robust Estimation", Journal of the American
 * Statistical Association 69 (346), 1974, pages 383-393; the factor is 1 / Φ⁻¹(3/4).
 */
export const DEVIATION_PER_MAD = 1.4826;
/** A baseline of fewer values is a guess. */
export const BASELINE_SAMPLES_MIN = 3;
/** Where all samples are equal, a value must differ by more than the error of their own arithmetic. */
const RELATIVE_ERROR = 1e-9;

export interface Baseline {
  readonly median: number;
  readonly mad: number;
}

/** Of the samples that are numbers; undefined if they are too few. The order of the samples does not matter. */
export function baselineOf(samples: Iterable<number>): Baseline | undefined {
  const sorted = Float64Array.from(samples)
    .filter((x) => Number.isFinite(x))
    .sort();
  if (sorted.length < BASELINE_SAMPLES_MIN) return undefined;
  const median = middleOf(sorted);
  return { median, mad: middleOf(sorted.map((x) => Math.abs(x - median)).sort()) };
}

/** How many robust deviations the value lies above (positive) or below the median; infinite where samples never vary. */
export function deviationsOf(value: number, { median, mad }: Baseline): number {
  const distance = value - median;
  if (Math.abs(distance) <= RELATIVE_ERROR * Math.abs(median)) return 0;
  return mad === 0 ? Math.sign(distance) * Infinity : distance / (DEVIATION_PER_MAD * mad);
}

function middleOf(sorted: Float64Array): number {
  const half = sorted.length >> 1;
  const upper = sorted[half] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] as number) + upper) / 2;
}
