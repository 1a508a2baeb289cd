/** What Explore draws: an answer of `timeseries`, live or asked once, as charts of lines. Pure. */

import { COMPARISONS, type Question } from '../question/question.ts';
import { measureShown, measureTexts, type Shown, scaleOf } from '../question/words.ts';
import type { Label, MeasuredValue } from '../server/answers.ts';
import { keyOf, type LiveAnswer } from '../server/live-answer.ts';
import type { Looks } from './colours.ts';
import type { Line } from './plot.ts';

export interface ComparedSeries {
  readonly labels: readonly Label[];
  readonly compared: readonly { readonly t: number; readonly values: readonly MeasuredValue[] }[];
}

/** An earlier time, set beside the answer. */
export interface Compared {
  readonly series: readonly ComparedSeries[];
  readonly from: number;
  readonly to: number;
  readonly restated: boolean;
  readonly missingPartitions: readonly number[];
}

export interface Explored extends LiveAnswer {
  readonly source: 'ROLLUP' | 'SEGMENTS';
  readonly note: string | null;
  readonly compared: Compared | undefined;
}

/** An answer that is asked once, of whoever can answer. */
export type AnsweredOnce = LiveAnswer & Pick<Explored, 'source' | 'note'>;

/** Who answers what is live. */
export const BY_ROLLUP = { source: 'ROLLUP', note: null } as const;

/** Of a subscription: nobody keeps this up to date, it is asked once. */
export const NOT_LIVE = 'query_invalid';

/** As the server has it. */
export interface BesideAnswer extends Pick<Compared, 'series'> {
  readonly compared: Omit<Compared, 'series'>;
}

export const comparedOf = ({ compared, series }: BesideAnswer): Compared => ({
  ...compared,
  series,
});

/** One chart. */
export interface Picture {
  readonly title: string;
  readonly shown: Shown;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  /** Of each line by its name. */
  readonly labels: ReadonlyMap<string, readonly Label[]>;
}

/** Measures of one scale together; with groups each for itself. Heaviest values are no lines. */
export function picturesOf(answer: Explored, question: Question, looks: Looks): Picture[] {
  const { measures, groupBy } = question;
  const texts = measureTexts(measures);
  const lineMeasures = measures
    .filter(({ op }) => op !== 'top')
    .map((measure, place) => ({ measure, place, text: texts[measures.indexOf(measure)] ?? '' }));
  const isGrouped = groupBy.length > 0;
  const charts = Object.values(
    Object.groupBy(lineMeasures, ({ measure, text }) => (isGrouped ? text : scaleOf(measure))),
  );
  const drawn = new Drawn(answer, question);
  return charts.flatMap((those) => {
    const [first] = those ?? [];
    if (those === undefined || first === undefined) return [];
    const lines = those.flatMap(({ place, text }) => drawn.lines(place, isGrouped ? null : text));
    return {
      title: those.map(({ text }) => text).join(', '),
      shown: measureShown(first.measure),
      times: drawn.times,
      lines: withLooks(lines, isGrouped ? looks : undefined),
      labels: drawn.labels,
    };
  });
}

class Drawn {
  readonly times: readonly number[];
  readonly labels = new Map<string, readonly Label[]>();
  readonly #answer: Explored;
  readonly #question: Question;

  constructor(answer: Explored, question: Question) {
    this.#answer = answer;
    this.#question = question;
    const times = new Set(answer.series.flatMap(({ points }) => points.map(({ t }) => t)));
    this.times = [...times].sort((a, b) => a - b);
  }

  /** Of a measure; without a name each series has that of its labels. */
  lines(measure: number, name: string | null): Line[] {
    const { series, compared } = this.#answer;
    const { compare } = this.#question;
    const before = new Map(compared?.series.map((each) => [keyOf(each.labels), each.compared]));
    return series.flatMap(({ labels, points }) => {
      const line = name ?? seriesName(labels);
      this.labels.set(line, labels);
      const now = { name: line, ...this.#columns(points, measure) };
      const earlier = before.get(keyOf(labels));
      if (earlier === undefined || compare === undefined) return [now];
      const { values } = this.#columns(earlier, measure);
      return [now, { name: `${line}, ${COMPARISONS[compare]}`, values, beside: line }];
    });
  }

  #columns(
    points: readonly { readonly t: number; readonly values: readonly MeasuredValue[] }[],
    measure: number,
  ): { values: (number | null)[]; errorBounds: number[] } {
    const byTime = new Map(points.map(({ t, values }) => [t, values[measure]]));
    return {
      values: this.times.map((t) => byTime.get(t)?.value ?? null),
      errorBounds: this.times.map((t) => byTime.get(t)?.errorBound ?? 0),
    };
  }
}

/** What is of an earlier time has the colour of what it stands beside. */
function withLooks(lines: readonly Line[], looks: Looks | undefined): Line[] {
  const names = lines.filter(({ beside }) => beside === undefined).map(({ name }) => name);
  const byName = looks?.of(names) ?? new Map(names.map((name, place) => [name, place]));
  return lines.map((line) => ({ ...line, look: byName.get(line.beside ?? line.name) ?? 0 }));
}

export const seriesName = (labels: readonly Label[]): string =>
  labels.map(({ name, value }) => value ?? `without ${name}`).join(' · ');
