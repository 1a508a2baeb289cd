/** Compares what the server answers with what the generator knows. Differences are sentences; none means equal. */
import type { Ledger, Server } from './server.ts';
import type { ExactDistribution, MinuteTruth, Truth } from './truth.ts';
import { EVENT_TYPES, STREAM } from './workload.ts';

const MINUTE_MS = 60_000;
/** Of a broken run everything differs: the first sentences tell which way. */
const SHOWN_MAX = 20;
const QUANTILES = [0.5, 0.99] as const;

interface Value {
  readonly value: number | null;
  readonly errorBound: number;
}
export interface Series {
  readonly labels: readonly { readonly name: string; readonly value: string | null }[];
  readonly points: readonly { readonly t: number; readonly values: readonly Value[] }[];
}
export interface Timeseries {
  readonly timeseries: { readonly series: readonly Series[] };
}

const BY_TYPE_AND_MINUTE = `query ($stream: String!, $from: Timestamp!, $to: Timestamp!) {
  timeseries(
    stream: $stream, from: $from, to: $to, step: "1m", groupBy: ["type"]
    measures: [{op: count}, {op: sum, field: "duration_ms"}]
  ) { series { labels { name value } points { t values { value errorBound } } } }
}`;

const SKETCHES = `query ($stream: String!, $from: Timestamp!, $to: Timestamp!) {
  timeseries(
    stream: $stream, from: $from, to: $to, step: "1d", groupBy: []
    measures: [
      ${QUANTILES.map((q) => `{op: quantile, field: "duration_ms", q: ${q}}`).join(', ')}
      {op: distinct, field: "user"}
    ]
  ) { series { labels { name value } points { t values { value errorBound } } } }
}`;

/** Counts, sums and the ledger. The server must have caught up and be the only one that `truth` describes. */
export async function differences(server: Server, truth: Truth): Promise<string[]> {
  const ledger = await server.caughtUp();
  const found = ledgerDifferences(ledger, truth);
  const first = truth.minutes[0];
  const last = truth.minutes.at(-1);
  if (first === undefined || last === undefined) return found;
  const answer = await server.query<Timeseries>(BY_TYPE_AND_MINUTE, {
    stream: STREAM,
    from: first.minuteMs,
    to: last.minuteMs + MINUTE_MS,
  });
  return [...found, ...minuteDifferences(truth.minutes, answer.timeseries.series)];
}

/** Quantiles and distinct users over one UTC day, within the error bounds that the answers state. */
export async function sketchDifferences(
  server: Server,
  truth: Truth,
  exact: ExactDistribution,
): Promise<string[]> {
  const dayMs = 86_400_000;
  const firstMs = truth.minutes[0]?.minuteMs ?? 0;
  const lastMs = truth.minutes.at(-1)?.minuteMs ?? 0;
  const from = firstMs - (firstMs % dayMs);
  // Sketches of two days would have to be merged here; around midnight this check has nothing to say.
  if (lastMs >= from + dayMs) return [];
  const answer = await server.query<Timeseries>(SKETCHES, {
    stream: STREAM,
    from,
    to: from + dayMs,
  });
  const values = answer.timeseries.series[0]?.points[0]?.values ?? [];
  const expected = [...QUANTILES.map((q) => exact.quantileMs(q)), exact.distinctUsers];
  const names = [...QUANTILES.map((q) => `quantile ${q} of duration_ms`), 'distinct users'];
  return expected.flatMap((value, i) => {
    const answered = values[i]?.value ?? Number.NaN;
    const bound = values[i]?.errorBound ?? 0;
    const isWithin = Math.abs(answered - value) <= slack(names[i] as string, bound);
    return isWithin ? [] : [`${names[i]}: expected ${value} ± ${bound}, received ${answered}`];
  });
}

/**
 * A distinct count's bound holds in 95 % of cases, which is two standard errors; four are left in one of 16,000 runs.
 * A duration is a whole number of ms, so one more is rounding.
 */
const slack = (name: string, bound: number): number =>
  name === 'distinct users' ? 2 * bound : bound + 1;

/** Throws with all of them if there are any. */
export function assertNone(what: string, found: readonly string[]): void {
  if (found.length === 0) return;
  const shown = found.slice(0, SHOWN_MAX).map((sentence) => `  ${sentence}`);
  throw new Error([`${found.length} ${what}:`, ...shown].join('\n'));
}

export function ledgerDifferences(
  ledger: Ledger,
  { events, resent }: Pick<Truth, 'events' | 'resent'>,
): string[] {
  const found: string[] = [];
  if (ledger.applied !== events) {
    found.push(`ledger: expected ${events} applied, received ${ledger.applied}`);
  }
  const accounted = ledger.applied + ledger.duplicate + ledger.rejected + ledger.pending;
  if (ledger.received !== accounted || !ledger.balanced) {
    found.push(
      `ledger: ${ledger.received} received is not ${ledger.applied} applied + ${ledger.duplicate} duplicate + ` +
        `${ledger.rejected} rejected + ${ledger.pending} pending (balanced: ${ledger.balanced})`,
    );
  }
  if (ledger.duplicate > resent) {
    found.push(`ledger: ${ledger.duplicate} duplicates of ${resent} events that were sent again`);
  }
  for (const kind of ['rejected', 'clamped', 'expired'] as const) {
    if (ledger[kind] !== 0) found.push(`ledger: expected 0 ${kind}, received ${ledger[kind]}`);
  }
  return found;
}

export function minuteDifferences(
  minutes: readonly MinuteTruth[],
  series: readonly Series[],
): string[] {
  const answered = new Map<string, readonly Value[]>();
  for (const { labels, points } of series) {
    for (const { t, values } of points) answered.set(`${labels[0]?.value} ${t}`, values);
  }
  const found: string[] = [];
  for (const { minuteMs, events, durationSumMs } of minutes) {
    EVENT_TYPES.forEach((type, i) => {
      const key = `${type} ${minuteMs}`;
      const values = answered.get(key);
      answered.delete(key);
      for (const [what, expected, value] of [
        ['events', events[i], values?.[0]?.value],
        ['summed ms', durationSumMs[i], values?.[1]?.value],
      ] as const) {
        if ((value ?? 0) === expected) continue;
        const minute = new Date(minuteMs).toISOString().slice(0, 16);
        found.push(`${type} in ${minute}: expected ${expected} ${what}, received ${value ?? 0}`);
      }
    });
  }
  for (const key of answered.keys()) found.push(`nobody sent what is counted under "${key}"`);
  return found;
}
