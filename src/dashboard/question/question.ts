/** What Explore asks: the arguments of GraphQL's `timeseries`, and what follows from them. Pure. */
import { pathOf } from '../kit/address.ts';
import { type Where, whereOf } from './condition.ts';

export interface MeasureInput {
  readonly op?: string;
  readonly field?: string;
  readonly q?: number;
  readonly by?: string;
  readonly k?: number;
  readonly where?: Where;
  readonly expression?: string;
  readonly as?: string;
}

export const COMPARISONS = {
  PERIOD_BEFORE: 'the period before',
  DAY_BEFORE: 'a day before',
  WEEK_BEFORE: 'a week before',
} as const;
export type Comparison = keyof typeof COMPARISONS;

/** One that ends now is live. */
export type AskedRange = { readonly last: string } | { readonly from: number; readonly to: number };

export interface Question {
  readonly stream: string;
  readonly measures: readonly MeasureInput[];
  /** All of them hold. */
  readonly conditions: readonly Where[];
  readonly groupBy: readonly string[];
  readonly range: AskedRange;
  /** Undefined: the server takes one that makes about 240 points. */
  readonly step: string | undefined;
  readonly compare: Comparison | undefined;
  /** Undefined: the viewer's. */
  readonly timeZone: string | undefined;
}

export const LASTS = [
  { last: '15m', name: '15 min' },
  { last: '1h', name: '1 h' },
  { last: '6h', name: '6 h' },
  { last: '1d', name: '24 h' },
  { last: '7d', name: '7 d' },
  { last: '30d', name: '30 d' },
] as const;
export const STEPS = ['1s', '10s', '1m', '5m', '15m', '1h', '1d'] as const;

export const MEASURES: readonly MeasureInput[] = [{ op: 'count' }];
export const RANGE: AskedRange = { last: '1h' };
/** As the server has them. */
export const MEASURES_MAX = 16;
export const GROUP_BY_MAX = 8;
/** More lines in a chart are told apart by nobody. */
export const SERIES_SHOWN = 12;

/** The arguments, of which `limit` and `fill` are the page's own. */
export interface TimeseriesVariables {
  readonly stream: string;
  readonly last?: string;
  readonly from?: number;
  readonly to?: number;
  /** Default: about 240 points. */
  readonly step?: string;
  /** Each point is of so long a time up to its end. */
  readonly window?: string;
  readonly measures: readonly MeasureInput[];
  readonly groupBy?: readonly string[];
  readonly where?: Where;
  readonly limit?: number;
  readonly fill?: 'ZERO' | 'NULL' | 'PREVIOUS';
  readonly compare?: Comparison;
}

export function variablesOf(question: Question): TimeseriesVariables {
  const { stream, measures, conditions, groupBy, range, step, compare } = question;
  const where = whereOf(conditions);
  return {
    stream,
    ...range,
    ...(step !== undefined && { step }),
    measures: namedForExpressions(measures),
    groupBy,
    ...(where && { where }),
    limit: SERIES_SHOWN,
    fill: 'ZERO',
    ...(compare && { compare }),
  };
}

/** Of what is drawn as lines: heaviest values are asked for apart. */
export function lineVariablesOf(question: Question): TimeseriesVariables {
  const { compare: _, measures, ...variables } = variablesOf(question);
  const lines = measures.filter(({ op }) => op !== 'top');
  return { ...variables, measures: lines.length === 0 ? MEASURES : lines };
}

/** Measures that expressions compute with are called `a`, `b`, … by their places, unless they have a name. */
export const letterOf = (place: number): string => String.fromCharCode(97 + place);

function namedForExpressions(measures: readonly MeasureInput[]): readonly MeasureInput[] {
  if (measures.every(({ expression }) => expression === undefined)) return measures;
  return measures.map((measure, place) => ({ as: letterOf(place), ...measure }));
}

/** Twice as long, around the same middle, and not beyond now. */
export function zoomedOut({ from, to }: { from: number; to: number }, nowMs: number) {
  const halfMs = (to - from) / 2;
  const end = Math.max(to, Math.min(to + halfMs, nowMs));
  return { from: Math.round(end - 4 * halfMs), to: Math.round(end) };
}

/** The events behind a step of a series, in the view that lists events; undefined where there are none to list. */
export function eventsPath(
  { stream, conditions }: Pick<Question, 'stream' | 'conditions'>,
  { from, to }: { readonly from: number; readonly to: number },
  labels: readonly { readonly name: string; readonly value: string | null }[],
): string | undefined {
  // Sessions are made of events and are none; the rest of a rollup's labels has no condition that finds it.
  if (stream.startsWith('sessions:')) return undefined;
  if (labels.some(({ value }) => value === OVERFLOW)) return undefined;
  const ofSeries = labels.map(({ name, value }) =>
    value === null ? { field: name, exists: false } : { field: name, eq: value },
  );
  const where = whereOf([...conditions, ...ofSeries]);
  return pathOf('/events', {
    ...{ stream, from: `${from}`, to: `${to}` },
    where: where && JSON.stringify(where),
  });
}

const OVERFLOW = '__overflow__';
