/** What a timeseries answers in each point: measures, and what is computed from them, with names, in the asked order. */
import { AppError } from '../model/errors.ts';
import { parseExpression, type Term } from '../model/expression.ts';
import type { MeasuredValue } from './answer.ts';
import { evaluate } from './bounded-value.ts';
import { MEASURES_MAX } from './limits.ts';
import {
  describeMeasure,
  isMeasure,
  type MeasureRequest,
  partsPerPoint,
  type TimeseriesRequest,
} from './request.ts';

export interface Results {
  readonly names: readonly string[];
  /** Those that are read; expressions name them by their place here. */
  readonly measures: readonly MeasureRequest[];
  /** One for each result. */
  readonly terms: readonly Term[];
  /** Numbers that a point carries: one for each result, and what measures have that are more than one. */
  readonly numbersPerPoint: number;
  /** Of values of `measures` those of `terms`. Those of measures as they are; what is computed is one number. */
  of(measured: readonly MeasuredValue[]): readonly MeasuredValue[];
}

const NAME = /^[A-Za-z_]\w{0,63}$/;
/** Characters of a wrong name that its refusal shows. */
const NAME_SHOWN_MAX = 64;

/** Throws `query_invalid`. */
export function resultsOf({ measures: asked }: Pick<TimeseriesRequest, 'measures'>): Results {
  if (asked.length === 0 || asked.length > MEASURES_MAX) {
    throw invalid(`1 to ${MEASURES_MAX} measures may be asked for, received ${asked.length}`);
  }
  const measures = asked.filter(isMeasure);
  const places = new Map<string, number>();
  const taken = new Set<string>();
  for (const each of asked) {
    const { as } = each;
    if (as === undefined) continue;
    if (!NAME.test(as)) {
      throw invalid(
        `"as" must be a letter or _, then up to 63 letters, digits or _, received ${JSON.stringify(as.slice(0, NAME_SHOWN_MAX))}`,
      );
    }
    if (taken.has(as)) throw invalid(`two measures are named "${as}": give each a name of its own`);
    taken.add(as);
    if (isMeasure(each)) places.set(as, measures.indexOf(each));
  }
  let at = 0;
  const terms = asked.map(
    (each): Term =>
      isMeasure(each) ? { kind: 'measure', at: at++ } : parseExpression(each.expression, places),
  );
  const areMeasures = asked.map(isMeasure);
  const isPlain = measures.length === asked.length;
  const resultOf = (measured: readonly MeasuredValue[], term: Term, i: number): MeasuredValue =>
    term.kind === 'measure' && areMeasures[i] === true
      ? (measured[term.at] as MeasuredValue)
      : evaluate(term, measured);
  return {
    names: asked.map((each) => each.as ?? nameOf(each)),
    measures,
    terms,
    numbersPerPoint: asked.length + partsPerPoint(measures),
    of: (measured) => (isPlain ? measured : terms.map((term, i) => resultOf(measured, term, i))),
  };
}

const nameOf = (each: TimeseriesRequest['measures'][number]): string =>
  isMeasure(each) ? describeMeasure(each) : each.expression;

const invalid = (message: string): AppError => new AppError('query_invalid', message);
