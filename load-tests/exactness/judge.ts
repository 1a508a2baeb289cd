/**
 * Holds what was answered against what is true. Two answers that differ in their points, or in anything that is stated to be exact, are
 * out; everything else has to lie within the bound that the answer states, and that within what docs/measures.md promises.
 *
 * The bound of a distinct count is two standard errors, and holds in 95 % of cases. So no more points may lie outside than four standard
 * deviations of that allow, which happens by chance once in 30,000 measures; and none by more than five standard errors and two values:
 * of few values a pair that the sketch cannot tell apart is more than any part of them.
 */
import { ok as assert } from 'node:assert';
import type { Measure, TopMeasure } from './measures.ts';
import type { Exact, Truth } from './oracle.ts';

export interface AnsweredValue {
  readonly value: number | null;
  readonly errorBound: number;
  readonly buckets: readonly { readonly count: number; readonly errorBound: number }[] | null;
  readonly entries:
    | readonly { readonly value: string; readonly count: number; readonly error: number }[]
    | null;
}

/** Of each point by its name, in the order of the measures. */
type Answers = ReadonlyMap<string, readonly AnsweredValue[]>;

export interface Verdict {
  readonly measure: string;
  readonly points: number;
  /** The greatest that was found, as a part of what is true; of histograms and heaviest values of all that was counted. */
  readonly error: number;
  readonly bound: string;
  /** Sentences; none: everything is as it should be. */
  readonly faults: readonly string[];
}

interface Found {
  readonly error: number;
  /** Why this one is out. */
  readonly fault?: string | undefined;
  /** Of a distinct count: outside of the stated bound. */
  readonly isOutside?: boolean;
}

interface Rule {
  readonly bound: string;
  readonly judge: (answered: AnsweredValue, exact: Exact) => Found;
}

/** What adding up and dividing doubles in another order may change. */
const ROUNDING = 1e-12;
const QUANTILE_BOUND = 2 ** -8;
/** Nearer to 0 a number is 0 to a sketch. */
const ZERO_BELOW = 2 ** -32;
const DISTINCT = { outside: 0.05, deviations: 4, boundsMax: 2.5, valuesMore: 2 };
const FAULTS_MAX = 20;

export interface Answered {
  readonly answers: Answers;
  /** Of the answer as a whole. */
  readonly faults: readonly string[];
}

export interface How {
  readonly isFromEvents: boolean;
  /** Points that share an event: 1 where each has its own. */
  readonly overlap?: number | undefined;
}

/** A verdict for each name of a measure. */
export function judge(
  measures: readonly Measure[],
  { answers, faults }: Answered,
  truth: Truth,
  { isFromEvents, overlap = 1 }: How,
): Verdict[] {
  const ofAll = [...faults, ...pointFaults(answers, truth)];
  const verdicts = [...Map.groupBy(measures.keys(), (i) => measures[i]?.name ?? '')].map(
    ([name, places]) => {
      const rule = ruleOf(measures[places[0] as number] as Measure, isFromEvents);
      return verdictOf(name, places, rule, answers, truth, overlap);
    },
  );
  return verdicts.map((verdict) => ({ ...verdict, faults: [...ofAll, ...verdict.faults] }));
}

/** What several queries have found of one measure. */
export const putTogether = (measure: string, verdicts: readonly Verdict[]): Verdict => ({
  measure,
  points: verdicts.reduce((sum, { points }) => sum + points, 0),
  error: Math.max(...verdicts.map(({ error }) => error)),
  bound: [...new Set(verdicts.map(({ bound }) => bound))].join('; '),
  faults: verdicts.flatMap(({ faults }) => faults),
});

function pointFaults(answers: Answers, truth: Truth): string[] {
  const missing = [...truth.keys()].filter((name) => !answers.has(name));
  const unknown = [...answers.keys()].filter((name) => !truth.has(name));
  return [
    ...missing.slice(0, FAULTS_MAX).map((name) => `expected a point ${name}, received none`),
    ...unknown.slice(0, FAULTS_MAX).map((name) => `expected no point ${name}, received one`),
    ...(truth.size === 0 ? ['expected points, there are none'] : []),
  ];
}

function verdictOf(
  measure: string,
  places: readonly number[],
  { bound, judge }: Rule,
  answers: Answers,
  truth: Truth,
  overlap: number,
): Verdict {
  const faults: string[] = [];
  let [points, error, outside] = [0, 0, 0];
  for (const [name, exacts] of truth) {
    const values = answers.get(name);
    // What is missing as a whole is told of all measures.
    if (values === undefined) continue;
    for (const place of places) {
      const [answered, exact] = [values[place], exacts[place]];
      assert(answered !== undefined && exact !== undefined, 'a value for each measure');
      points++;
      const found = judge(answered, exact);
      error = Math.max(error, found.error);
      if (found.isOutside === true) outside++;
      if (found.fault === undefined || faults.length >= FAULTS_MAX) continue;
      faults.push(`${measure} in ${name}: ${found.fault}`);
    }
  }
  const outsideMax = outsideAllowed(points, overlap);
  if (outside > outsideMax) {
    faults.push(`${measure}: ${outside} of ${points} points lie outside of their bounds`);
  }
  const share = outside > 0 ? ` (${points - outside} of ${points} within)` : '';
  return { measure, points, error, bound: bound + share, faults };
}

/** Points that share events are outside together; and of very few one more is no rarer. */
function outsideAllowed(points: number, overlap: number): number {
  const { outside, deviations } = DISTINCT;
  const deviation = Math.sqrt(outside * (1 - outside) * points * overlap);
  return outside * points + deviations * deviation + overlap;
}

function ruleOf(measure: Measure, isFromEvents: boolean): Rule {
  switch (measure.judgement) {
    case 'equal':
      return EQUAL;
    case 'rounded':
      return ROUNDED;
    case 'top':
      return {
        bound: isFromEvents ? 'exact' : `1/${measure.capacity} of all`,
        judge: (answered, exact) => judgeTop(measure, isFromEvents, answered, exact),
      };
    case 'quantile':
      return isFromEvents ? EQUAL : QUANTILE;
    case 'histogram':
      return isFromEvents ? EXACT_HISTOGRAM : HISTOGRAM;
    case 'distinct':
      return isFromEvents ? EQUAL : DISTINCT_COUNT;
    case 'within':
      return isFromEvents ? ROUNDED : WITHIN;
  }
}

const relative = (off: number, truth: number): number =>
  truth === 0 ? off : off / Math.abs(truth);

const expected = (exact: unknown, answered: unknown): string =>
  `expected ${exact}, received ${answered}`;

/** Whether there is a value must be the same. */
const numbers =
  (judge: (value: number, truth: number, answered: AnsweredValue, exact: Exact) => Found) =>
  (answered: AnsweredValue, exact: Exact): Found => {
    const { value } = answered;
    if (value === null || exact.value === null) {
      const isSame = value === exact.value;
      return { error: 0, fault: isSame ? undefined : expected(exact.value, value) };
    }
    return judge(value, exact.value, answered, exact);
  };

const EQUAL: Rule = {
  bound: 'exact',
  judge: numbers((value, truth, { errorBound }) => ({
    error: relative(Math.abs(value - truth), truth),
    fault: value === truth && errorBound === 0 ? undefined : bounded(truth, value, errorBound),
  })),
};

const ROUNDED: Rule = {
  bound: '1e-12 of it',
  judge: numbers((value, truth, { errorBound }, { scale }) => {
    const of = scale ?? Math.abs(truth);
    const error = value === truth ? 0 : Math.abs(value - truth) / of;
    const isRight = error <= ROUNDING && errorBound === 0;
    return { error, fault: isRight ? undefined : bounded(truth, value, errorBound) };
  }),
};

const WITHIN: Rule = {
  bound: 'as stated',
  judge: numbers((value, truth, { errorBound }) => {
    const off = Math.abs(value - truth);
    const isRight = off <= errorBound + ROUNDING * Math.abs(truth);
    return {
      error: relative(off, truth),
      fault: isRight ? undefined : bounded(truth, value, errorBound),
    };
  }),
};

const QUANTILE: Rule = {
  bound: '0.4 % of it',
  judge: numbers((value, truth, { errorBound }) => {
    const off = Math.abs(value - truth);
    const boundMax = Math.max(QUANTILE_BOUND * Math.abs(value), ZERO_BELOW);
    const isRight = off <= errorBound && errorBound <= boundMax;
    return {
      // What is 0 to the sketch is off by all of it.
      error: value === 0 ? 0 : off / Math.abs(truth),
      fault: isRight ? undefined : bounded(truth, value, errorBound),
    };
  }),
};

const DISTINCT_COUNT: Rule = {
  bound: '3.3 % in 95 % of points',
  judge: numbers((value, truth, { errorBound }) => {
    const off = Math.abs(value - truth);
    const isRight = off <= DISTINCT.boundsMax * errorBound + DISTINCT.valuesMore;
    return {
      error: relative(off, truth),
      fault: isRight ? undefined : bounded(truth, value, errorBound),
      isOutside: off > errorBound,
    };
  }),
};

const bounded = (truth: number, value: number, errorBound: number): string =>
  expected(truth, `${value} ± ${errorBound}`);

/** `isWithin` says of a bucket whether it may be so: what it has, what is true, and how many values lie near its edges. */
const histogram = (
  bound: string,
  isWithin: (errorBound: number, off: number, near: number) => boolean,
): Rule => ({
  bound,
  judge: numbers((value, truth, { buckets }, { counts = [], near = [] }) => {
    const offs = counts.map((count, i) => Math.abs((buckets?.[i]?.count ?? Number.NaN) - count));
    const areWithin =
      buckets?.length === counts.length &&
      offs.every((off, i) => isWithin(buckets[i]?.errorBound ?? 0, off, near[i] ?? 0));
    return {
      error: Math.max(...offs) / truth,
      fault:
        value === truth && areWithin
          ? undefined
          : expected(
              counts.join(),
              buckets?.map((each) => `${each.count} ± ${each.errorBound}`),
            ),
    };
  }),
});

const EXACT_HISTOGRAM = histogram('exact', (errorBound, off) => errorBound === 0 && off === 0);
const HISTOGRAM = histogram(
  'values within 0.8 % of an edge',
  (errorBound, off, near) => off <= errorBound && errorBound <= near,
);

/** The first thing that is wrong with the heaviest values of a point, and the greatest part of all by which a count is too high. */
function judgeTop(
  { k, capacity }: TopMeasure,
  isFromEvents: boolean,
  { value, errorBound, entries }: AnsweredValue,
  { value: total, weights = new Map() }: Exact,
): Found {
  if (total === null || value === null || entries === null) {
    const isSame = total === value && (entries ?? []).length === 0;
    return { error: 0, fault: isSame ? undefined : expected(total, value) };
  }
  const slack = ROUNDING * total;
  const most = isFromEvents || weights.size <= capacity ? 0 : total / capacity;
  const least = entries.at(-1)?.count ?? 0;
  const given = new Set(entries.map((entry) => entry.value));
  const faults = entries
    .filter((entry, i) => {
      const weight = weights.get(entry.value) ?? 0;
      const isBetween =
        weight >= entry.count - entry.error - slack && weight <= entry.count + slack;
      const isInOrder = entry.count <= (entries[i - 1] ?? entry).count;
      return !isBetween || !isInOrder || entry.error > most + slack;
    })
    .map(({ value: name, count, error }) =>
      expected(
        `${weights.get(name) ?? 0} of "${name}"`,
        `${count} - ${error}, error up to ${most}`,
      ),
    );
  for (const [name, weight] of weights) {
    if (!given.has(name) && weight > least + slack) {
      faults.push(expected(`"${name}" with ${weight}`, `none, the last has ${least}`));
    }
  }
  if (Math.abs(value - total) > slack || errorBound !== 0) faults.push(expected(total, value));
  const count = Math.min(k, weights.size);
  if (given.size !== count || entries.length !== count) {
    faults.push(expected(`${count} values`, entries.length));
  }
  const over = entries.map((entry) => entry.count - (weights.get(entry.value) ?? 0));
  return { error: Math.max(0, ...over) / total, fault: faults[0] };
}
