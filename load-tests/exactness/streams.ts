/**
 * The streams that are verified, written as NDJSON in the order of their time, some events late: the benchmark's, in which few values
 * are most of all; one whose values are uniform; one that is made to be hard for the sketches.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import { type Random, seededRandom } from '../random.ts';
import {
  drawWorkload,
  EVENT_TYPES,
  hex,
  ID_BATCH_DIGITS,
  ID_SOURCE_DIGITS,
  STREAM,
} from '../workload.ts';
import type { MeasuredFields } from './measures.ts';

export interface VerifiedStream {
  readonly name: string;
  readonly fields: MeasuredFields;
  /** What of its events is looked at, as DuckDB reads it. */
  readonly columns: Readonly<Record<string, 'BIGINT' | 'DOUBLE' | 'VARCHAR'>>;
  /** Values that its rollup keeps of each `top`. */
  readonly topCapacity: number;
  /** Of its rollup, finest first; absent: the default ones. */
  readonly resolutions?: readonly { readonly step: string; readonly retention: string }[];
  /** What part of the events lies in which time before the end of the stream; from the oldest on, without gaps. Most are near the end, as dense as in a benchmark. */
  readonly spread: readonly Stretch[];
  /** Its events without their time. Two calls draw the same. */
  readonly draw: (events: number) => Iterable<Readonly<Record<string, string | number>>>;
}

interface Stretch {
  readonly share: number;
  readonly fromAgoMs: number;
  readonly toAgoMs: number;
}

export type StreamName = 'events' | 'uniform' | 'adversarial';

const BODY_EVENTS = 1_000;
/** Later than any rollup here waits: closed buckets are amended. */
const LATE = { share: 0.01, byMsMax: 10 * MINUTE_MS };
/** Has every change of every clock. */
const YEAR_AND_MORE_MS = 400 * DAY_MS;
const KINDS = ['a', 'b', 'c', 'd', 'e'] as const;
const SYNTHETIC: Omit<VerifiedStream, 'name' | 'topCapacity' | 'draw'> = {
  fields: {
    label: 'kind',
    labelValue: KINDS[1],
    whole: 'whole',
    fraction: 'fraction',
    few: 'kind',
    many: 'item',
    heavy: 'item',
  },
  columns: {
    ...{ ts: 'BIGINT', kind: 'VARCHAR', whole: 'BIGINT', fraction: 'DOUBLE', item: 'VARCHAR' },
  },
  resolutions: [
    { step: '15m', retention: '730d' },
    { step: '6h', retention: '730d' },
  ],
  spread: [
    // Rows of a year that a query may read are no more than its events.
    { share: 0.06, fromAgoMs: YEAR_AND_MORE_MS, toAgoMs: 6 * HOUR_MS },
    { share: 0.94, fromAgoMs: 6 * HOUR_MS, toAgoMs: 0 },
  ],
};

export const STREAMS: Readonly<Record<StreamName, VerifiedStream>> = {
  events: {
    name: STREAM,
    fields: {
      label: 'type',
      labelValue: EVENT_TYPES[1],
      whole: 'duration_ms',
      fraction: 'amount',
      few: 'country',
      many: 'user',
      heavy: 'url',
    },
    columns: {
      ...{ ts: 'BIGINT', type: 'VARCHAR', country: 'VARCHAR', user: 'VARCHAR', url: 'VARCHAR' },
      ...{ duration_ms: 'BIGINT', amount: 'DOUBLE', status: 'BIGINT', browser: 'VARCHAR' },
    },
    topCapacity: 100,
    spread: [
      { share: 0.01, fromAgoMs: 30 * DAY_MS, toAgoMs: DAY_MS },
      { share: 0.04, fromAgoMs: DAY_MS, toAgoMs: HOUR_MS },
      { share: 0.15, fromAgoMs: HOUR_MS, toAgoMs: 3 * MINUTE_MS },
      { share: 0.8, fromAgoMs: 3 * MINUTE_MS, toAgoMs: 0 },
    ],
    draw: drawBenchmark,
  },
  uniform: { ...SYNTHETIC, name: 'uniform', topCapacity: 100, draw: drawUniform },
  adversarial: { ...SYNTHETIC, name: 'adversarial', topCapacity: 20, draw: drawAdversarial },
};

/** Writes so many events, the newest before `endMs`, one a line. */
export function writeStream(
  { draw, spread }: VerifiedStream,
  file: string,
  events: number,
  endMs: number,
): void {
  const random = seededRandom(events);
  const timeOf = (place: number): number => {
    let before = 0;
    for (const { share, fromAgoMs, toAgoMs } of spread) {
      const part = (place - before) / share;
      if (part < 1) return endMs - fromAgoMs + part * (fromAgoMs - toAgoMs);
      before += share;
    }
    return endMs - 1;
  };
  const out = openSync(file, 'w');
  let lines: string[] = [];
  const write = (): void => {
    writeSync(out, lines.join(''));
    lines = [];
  };
  let index = 0;
  for (const fields of draw(events)) {
    const lateMs = random.next() < LATE.share ? random.between(0, LATE.byMsMax) : 0;
    const ts = Math.floor(timeOf(index++ / events)) - lateMs;
    lines.push(`${JSON.stringify({ ...fields, ts })}\n`);
    if (lines.length === BODY_EVENTS) write();
  }
  write();
  closeSync(out);
}

/** With an amount in some: it has no number with a fraction, and none below 0. */
function* drawBenchmark(events: number): Generator<Readonly<Record<string, string | number>>> {
  const random = seededRandom(2);
  const bodies = Math.ceil(events / BODY_EVENTS);
  const workload = { seed: 1, source: 1, bodies, eventsPerBody: BODY_EVENTS };
  let left = events;
  let batch = 0;
  for (const body of drawWorkload(workload)) {
    for (const { fields, id } of body.slice(0, left)) {
      left--;
      const source = id.slice(0, ID_SOURCE_DIGITS);
      const line = id.slice(ID_SOURCE_DIGITS + ID_BATCH_DIGITS);
      const amount = Math.round(2_000 + 4_000 * random.normal()) / 100;
      const numbered = { ...fields, id: source + hex(batch, ID_BATCH_DIGITS) + line };
      yield random.next() < 0.8 ? { ...numbered, amount } : numbered;
    }
    batch++;
  }
}

/** No value is heavier than the others. */
function* drawUniform(events: number): Generator<Readonly<Record<string, string | number>>> {
  const random = seededRandom(3);
  for (let i = 0; i < events; i++) {
    yield {
      id: `uniform-${i}`,
      type: 'reading',
      kind: KINDS[random.between(0, KINDS.length)] as string,
      whole: random.between(0, 2 ** 32),
      fraction: (random.next() - 0.5) * 2e6 + random.next(),
      item: `item-${random.between(0, 50_000)}`,
    };
  }
}

/**
 * Items come so that one which is heavy is dropped from a summary each time before it comes again, and the rest twice, in opposite orders.
 * Their names differ in a counter alone, which a weak hash does not spread. Numbers lie on the edges of a sketch's bins and beside them.
 */
function* drawAdversarial(events: number): Generator<Readonly<Record<string, string | number>>> {
  const random = seededRandom(4);
  for (let i = 0; i < events; i++) {
    yield {
      id: `adversarial-${i}`,
      type: 'reading',
      kind: KINDS[Math.floor(i / 997) % KINDS.length] as string,
      whole: wholeAtEdge(random),
      fraction: fractionAtEdge(random),
      item: adversarialItem(i, events),
    };
  }
}

/** Of 64 events one is of an item that a summary of 20 cannot keep, eight are of one that it must. */
function adversarialItem(i: number, events: number): string {
  if (i % 64 === 0) return 'evicted';
  if (i % 8 === 4) return 'kept';
  return String(Math.min(i, events - i));
}

const wholeAtEdge = (random: Random): number =>
  signed(random, 2 ** random.between(0, 31) + random.between(-1, 2));

/** One of a hundred is too small to be told from 0. */
function fractionAtEdge(random: Random): number {
  if (random.next() < 0.01) return signed(random, 1e-12);
  const edge = 2 ** random.between(-20, 41) * (1 + random.between(0, 128) / 128);
  const beside = [1 - Number.EPSILON, 1, 1 + Number.EPSILON, 1 + 2 ** -8];
  return signed(random, edge * (beside[random.between(0, beside.length)] as number));
}

const signed = (random: Random, value: number): number => (random.next() < 0.3 ? -value : value);
