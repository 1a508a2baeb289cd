/**
 * Measures of a few events as one would work them out on paper: sorted arrays, sets, sums from left to right. What is only known
 * within a bound is held against that, and against what one pass over the events gives, as neither parts nor order may matter.
 */
import assert from 'node:assert/strict';
import { DistinctTable, packRegister } from '../../src/aggregate/distinct-sketch.ts';
import { hashEntries, LABEL_SEED } from '../../src/aggregate/hash.ts';
import type { TopEntry } from '../../src/aggregate/top-sketch.ts';
import type { MeasuredValue } from '../../src/query/answer.ts';
import type { MeasureRequest } from '../../src/query/request.ts';
import type { PlainEvent } from '../aggregate/event-blocks.ts';
import { getOr } from './get-or.ts';
import { textOf } from './schedule-model.ts';
import { TOP_CAPACITY } from './schedule-rollups.ts';

/** Of the sum of magnitudes: what the order of a sum of doubles may change. */
const SUM_RELATIVE = 1e-12;
/** The stated bound of a distinct count is two standard errors; five are not met in a lifetime. */
const DISTINCT_BOUNDS = 2.5;

/**
 * What orders series: the number that the measure must have, exactly. Not for sums and means of doubles.
 *
 * @param events by time, those of one millisecond by the measure's field
 */
export function naiveValue(measure: MeasureRequest, events: readonly PlainEvent[]): number | null {
  const { op, field = '', q = 0.5, by } = measure;
  const numbers = numbersOf(events, field);
  const isEmpty = numbers.length === 0;
  switch (op) {
    case 'count':
      return events.length;
    case 'distinct':
      return Math.round(onePassEstimate(textsOf(events, field)));
    case 'top': {
      const weights = [...weightsOf(events, field, by).values()];
      return weights.length === 0 ? null : sum(weights);
    }
    case 'histogram':
      return isEmpty ? null : numbers.length;
    case 'quantile':
      return isEmpty ? null : middleOf(rankedOf(numbers, q), hasFractions(numbers));
    case 'min':
      return isEmpty ? null : Math.min(...numbers);
    case 'max':
      return isEmpty ? null : Math.max(...numbers);
    case 'first':
      return numbers[0] ?? null;
    case 'last':
      return numbers.at(-1) ?? null;
    case 'sum':
      return isEmpty ? null : sum(numbers);
    case 'avg':
      return isEmpty ? null : sum(numbers) / numbers.length;
    case 'rate':
      if (field === '') return events.length;
      return isEmpty ? null : sum(numbers);
  }
}

/** `lengthMs`: of the time that the point is of. */
export function assertMeasured(
  measure: MeasureRequest,
  events: readonly PlainEvent[],
  lengthMs: number,
  found: MeasuredValue | undefined,
  where: string,
): void {
  const { op, field = '', q = 0.5, by, k = 0, buckets: edges = [] } = measure;
  const expected = naiveValue(measure, events);
  const { value = null, errorBound = 0, buckets = [], entries = [] } = found ?? {};
  if (expected === null || value === null) {
    assert.equal(value, expected, where);
    return;
  }
  const numbers = numbersOf(events, field);
  if (op === 'sum' || op === 'avg' || op === 'rate') {
    const factor = op === 'avg' ? 1 / numbers.length : op === 'rate' ? 1_000 / lengthMs : 1;
    const magnitude = (field === '' ? events.length : sum(numbers.map(Math.abs))) * factor;
    const exact = op === 'rate' ? expected * factor : expected;
    const isNear = Math.abs(value - exact) <= SUM_RELATIVE * magnitude;
    assert(isNear, `${where}: ${value} instead of ${exact}`);
    const areWhole = op === 'sum' && numbers.every((number) => Number.isInteger(number * 4));
    if (areWhole) assert.equal(value, exact, where);
    return;
  }
  assert.equal(value, expected, where);
  if (op === 'quantile') {
    const exact = rankedOf(numbers, q);
    const isNear = Math.abs(value - exact) <= errorBound * (1 + 1e-9);
    assert(isNear, `${where}: ${value} ± ${errorBound} instead of ${exact}`);
  }
  if (op === 'distinct') assertDistinct(value, errorBound, textsOf(events, field), where);
  if (op === 'histogram') assertHistogram(buckets, edges, numbers, where);
  if (op === 'top') assertTop(entries, weightsOf(events, field, by), k, where);
}

function assertDistinct(
  value: number,
  errorBound: number,
  texts: readonly string[],
  where: string,
): void {
  const exact = new Set(texts).size;
  const awayBy = Math.abs(value - exact);
  assert(awayBy <= Math.max(1, DISTINCT_BOUNDS * errorBound), `${where}: ${value} of ${exact}`);
}

function assertHistogram(
  found: NonNullable<MeasuredValue['buckets']>,
  edges: readonly number[],
  numbers: readonly number[],
  where: string,
): void {
  const counts = new Array<number>(edges.length + 1).fill(0);
  const placeOf = (number: number): number => edges.filter((edge) => edge <= number).length;
  const fractions = hasFractions(numbers);
  for (const number of numbers) {
    const place = placeOf(middleOf(number, fractions));
    counts[place] = (counts[place] ?? 0) + 1;
  }
  const shown = found.map(({ count }) => count);
  assert.deepEqual(shown, counts, where);
  found.forEach(({ from, to, count, errorBound }, place) => {
    assert.deepEqual([from, to], [edges[place - 1] ?? null, edges[place] ?? null], where);
    const exact = numbers.filter((number) => placeOf(number) === place).length;
    assert(Math.abs(count - exact) <= errorBound, `${where}: ${count} ± ${errorBound} of ${exact}`);
  });
}

function assertTop(
  entries: readonly TopEntry[],
  weights: ReadonlyMap<string, number>,
  k: number,
  where: string,
): void {
  const total = sum([...weights.values()]);
  assert.equal(entries.length, Math.min(k, TOP_CAPACITY, weights.size), `${where}: entries`);
  for (const { value, count, error } of entries) {
    const weight = weights.get(value) ?? 0;
    const isWithin = weight <= count && weight >= count - error && error <= total / TOP_CAPACITY;
    assert(isWithin, `${where}: "${value}" has ${weight}, told ${count} with ${error} too many`);
  }
  const told = new Set(entries.map(({ value }) => value));
  for (const [value, weight] of k < TOP_CAPACITY ? [] : weights) {
    assert(told.has(value) || weight <= total / TOP_CAPACITY, `${where}: "${value}" is missing`);
  }
}

/** Counts, or what they weigh by another field, of each value. */
function weightsOf(
  events: readonly PlainEvent[],
  field: string,
  by: string | undefined,
): Map<string, number> {
  const weights = new Map<string, number>();
  for (const event of events) {
    const value = textOf(event, field);
    const weight = by === undefined ? 1 : event[by];
    if (value === null || typeof weight !== 'number') continue;
    weights.set(value, (weights.get(value) ?? 0) + weight);
  }
  return weights;
}

/** Registers take the largest of what they see: so one table that has seen all of it once has those of any merge. */
function onePassEstimate(texts: readonly string[]): number {
  const table = new DistinctTable();
  for (const text of texts)
    table.add(
      0,
      getOr(registers, text, () => registerOf(text)),
    );
  return texts.length === 0 ? 0 : table.estimate(0);
}

const registers = new Map<string, number>();

function registerOf(text: string): number {
  const bytes = new TextEncoder().encode(text);
  const [low, high] = [new Uint32Array(1), new Uint32Array(1)];
  const entries = { count: 1, offsets: Uint32Array.of(0, bytes.length), bytes };
  hashEntries(entries, LABEL_SEED.low, LABEL_SEED.high, low, high);
  return packRegister(low[0] as number, high[0] as number);
}

/** Of n numbers that at rank q n, rounded up. `q` has two digits at most. */
function rankedOf(numbers: readonly number[], q: number): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((Math.round(q * 100) * numbers.length) / 100));
  return sorted[rank - 1] as number;
}

/** What stands for a number: the middle of its bucket, of which each power of two has 128. */
function middleOf(number: number, fractions: boolean): number {
  if (Math.abs(number) < 2 ** -32) return 0;
  const size = Math.abs(number);
  const rounded = 2 ** Math.floor(Math.log2(size));
  const power = rounded > size ? rounded / 2 : rounded;
  const width = power / 128;
  const low = Math.floor(size / width) * width;
  const high = low + width;
  const middle = fractions ? (low + high) / 2 : (Math.ceil(low) + Math.ceil(high) - 1) / 2;
  return Math.sign(number) * middle;
}

const hasFractions = (numbers: readonly number[]): boolean =>
  numbers.some((number) => !Number.isInteger(number));

const numbersOf = (events: readonly PlainEvent[], field: string): number[] =>
  events.flatMap((event) => {
    const value = event[field];
    return typeof value === 'number' ? [value] : [];
  });

const textsOf = (events: readonly PlainEvent[], field: string): string[] =>
  events.flatMap((event) => textOf(event, field) ?? []);

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
