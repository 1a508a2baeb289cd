/** Which panels a stream gets: what its rollups can answer is offered, and nothing else is asked. */
import type { Rollup } from '../server/answers.ts';

export const RANGES = [
  { last: '15m', name: '15 minutes', ms: 900_000, freshMs: 5_000 },
  { last: '1h', name: '1 hour', ms: 3_600_000, freshMs: 15_000 },
  { last: '6h', name: '6 hours', ms: 21_600_000, freshMs: 60_000 },
  { last: '1d', name: '24 hours', ms: 86_400_000, freshMs: 300_000 },
] as const;
/** `freshMs`: a figure of the whole range moves on so often. */
export type Range = (typeof RANGES)[number];

/** Each with a rollup that can answer it. */
export interface Offer {
  /** Undefined: nothing counts the events of the stream. */
  readonly counting: Rollup | undefined;
  readonly byType: Rollup | undefined;
  /** By fields whose different values are counted. */
  readonly distinct: ReadonlyMap<string, Rollup>;
  /** By fields of which quantiles are kept. */
  readonly quantiles: ReadonlyMap<string, Rollup>;
}

export function offerOf(rollups: readonly Rollup[], stream: string): Offer {
  // Nothing here asks about some events only, which is all that a rollup with a filter knows.
  const own = rollups.filter((rollup) => rollup.stream === stream && rollup.filter.length === 0);
  const counting = own.filter(({ measures }) => measures.some(({ op }) => op === 'count'));
  const byField = (op: string) =>
    new Map(
      own.flatMap((rollup) =>
        rollup.measures.flatMap((measure) =>
          measure.op === op && measure.field !== null ? [[measure.field, rollup] as const] : [],
        ),
      ),
    );
  return {
    counting: counting[0],
    byType: counting.find(({ dimensions }) => dimensions.includes('type')),
    distinct: byField('distinct'),
    quantiles: byField('quantile'),
  };
}

/** What a figure of the whole range asks for: one short step, and with it the time of the range up to its end. */
export interface Whole {
  readonly last: string;
  readonly step: string;
  readonly window: string;
}

/** In the finest steps that the rollup keeps for long enough; steps as long as the range would begin at full hours. */
export function wholeOf(range: Range, { resolutions }: Rollup): Whole {
  const kept = resolutions.find(({ retentionMs, stepMs }) => retentionMs >= range.ms + 2 * stepMs);
  const tierMs = kept?.stepMs ?? range.freshMs;
  const step = `${Math.ceil(range.freshMs / tierMs) * tierMs}ms`;
  return { last: step, step, window: range.last };
}

/** The field that the address names, or the first that there is something of. */
export const chosen = (asked: string | null, among: readonly string[]): string =>
  among.find((each) => each === asked) ?? among[0] ?? '';

export const rangeOf = (asked: string | null): Range =>
  RANGES.find(({ last }) => last === asked) ?? RANGES[0];
