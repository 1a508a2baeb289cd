/** Holds an answer against the events that it is of: its steps, its series and their order, and each of its numbers. */
import assert from 'node:assert/strict';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { Series, TimeseriesAnswer } from '../../src/query/answer.ts';
import { isMeasure, type MeasureRequest, type TimeseriesRequest } from '../../src/query/request.ts';
import type { Where } from '../../src/query/where.ts';
import { getOr } from './get-or.ts';
import { assertMeasured, naiveValue } from './naive-measures.ts';
import { type NaiveStep, naiveSteps } from './naive-steps.ts';
import type { Counted } from './schedule-model.ts';

/** By the step's place. */
type Points = Map<number, Counted[]>;

interface NaiveSeries {
  /** The values that it is grouped by, as JSON. */
  readonly name: string;
  readonly points: Points;
  /** All that any of its points is of, each once. */
  readonly all: readonly Counted[];
}

/** `counted`: all events of the rollup. Answers how many numbers were held against the model's. */
export function assertAnswer(
  request: TimeseriesRequest,
  definition: RollupDefinition,
  counted: readonly Counted[],
  answer: TimeseriesAnswer,
): number {
  const where = JSON.stringify({ request, rollup: definition.name });
  const { fromMs, toMs } = answer;
  const covers = fromMs <= (request.fromMs ?? fromMs) && toMs >= (request.toMs ?? toMs);
  assert(covers, `the range of ${where}`);
  const { dimensions } = definition;
  const keeps = ({ labels }: Counted): boolean => passes(request.where, labels, dimensions);
  const steps = naiveSteps(request, fromMs, toMs);
  const expected = naiveSeries(request, definition, counted.filter(keeps), steps);
  const measures = request.measures.filter(isMeasure);
  const eventsOf = ({ where: own, field = '' }: MeasureRequest, all: readonly Counted[]) =>
    all
      .filter(({ labels }) => passes(own, labels, dimensions))
      .sort((a, b) => a.timeMs - b.timeMs || sizeOf(a, field) - sizeOf(b, field))
      .map(({ event }) => event);

  const { measure: rankedBy = 0, descending = true } = request.orderBy ?? {};
  const ranking = measures[rankedBy] as MeasureRequest;
  const ranked = expected
    .map((one) => ({ ...one, rank: naiveValue(ranking, eventsOf(ranking, one.all)) }))
    .sort((a, b) => byRank(a, b, descending ? -1 : 1));
  assert.equal(answer.seriesFound, expected.length, `series found of ${where}`);
  const given = ranked.slice(0, request.limit ?? 100);
  const names = given.map(({ name }) => name);
  assert.deepEqual(answer.series.map(nameOf), names, `series of ${where}`);

  let compared = 0;
  answer.series.forEach(({ points }, i) => {
    const { name, points: wanted } = given[i] as NaiveSeries;
    const places = [...wanted.keys()].sort((a, b) => a - b);
    assert.deepEqual(
      points.map(({ t, end }) => [t, end]),
      places.map((place) => [steps[place]?.tMs, steps[place]?.endMs]),
      `points of ${name} of ${where}`,
    );
    points.forEach(({ t, values }, at) => {
      const place = places[at] as number;
      const step = steps[place] as NaiveStep;
      measures.forEach((measure, m) => {
        const events = eventsOf(measure, wanted.get(place) ?? []);
        const what = `${JSON.stringify(measure)} of ${name} at ${t} of ${where}`;
        assertMeasured(measure, events, step.endMs - step.fromMs, values[m], what);
        compared += 1;
      });
    });
  });
  return compared;
}

function naiveSeries(
  { groupBy }: TimeseriesRequest,
  { dimensions }: RollupDefinition,
  counted: readonly Counted[],
  steps: readonly NaiveStep[],
): NaiveSeries[] {
  const series = new Map<string, { points: Points; all: Counted[] }>();
  const places = groupBy.map((field) => dimensions.indexOf(field));
  for (const one of counted) {
    const within = stepsWith(steps, one.timeMs);
    if (within.length === 0) continue;
    const name = JSON.stringify(places.map((at) => one.labels[at] ?? null));
    const { points, all } = getOr(series, name, () => ({ points: new Map(), all: [] }));
    all.push(one);
    for (const place of within) getOr(points, place, () => [] as Counted[]).push(one);
  }
  return [...series].map(([name, { points, all }]) => ({ name, points, all }));
}

/** Windows begin and end in the order of their steps. */
function stepsWith(steps: readonly NaiveStep[], timeMs: number): number[] {
  const places: number[] = [];
  let [low, high] = [0, steps.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle] as NaiveStep).endMs > timeMs) high = middle;
    else low = middle + 1;
  }
  for (let place = low; place < steps.length; place++) {
    if ((steps[place] as NaiveStep).fromMs > timeMs) break;
    places.push(place);
  }
  return places;
}

interface Ranked {
  readonly name: string;
  readonly rank: number | null;
}

function byRank(a: Ranked, b: Ranked, sign: number): number {
  if (a.rank === b.rank) return a.name < b.name ? -1 : 1;
  if (a.rank === null) return 1;
  if (b.rank === null) return -1;
  return sign * (a.rank - b.rank);
}

/** Of an event without the field any: it is passed over. */
const sizeOf = ({ event }: Counted, field: string): number => Number(event[field] ?? 0);

const nameOf = ({ labels }: Series): string => JSON.stringify(labels.map(({ value }) => value));

/** Only what the questions of a schedule use. */
function passes(
  where: Where | undefined,
  labels: Counted['labels'],
  dimensions: readonly string[],
): boolean {
  if (where === undefined) return true;
  const { field = '', eq, ne, in: values, exists, and = [] } = where;
  if (!and.every((part) => passes(part, labels, dimensions))) return false;
  // The rollup's own filter, which its events have passed, is the only condition on what is no label.
  if (!dimensions.includes(field)) return true;
  const label = labels[dimensions.indexOf(field)] ?? null;
  if (eq !== undefined && label !== eq) return false;
  if (ne !== undefined && label === ne) return false;
  if (values !== undefined && (label === null || !values.includes(label))) return false;
  return exists === undefined || exists === (label !== null);
}
