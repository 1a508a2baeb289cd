import test from 'ava';
import { closedTo, expiredBeforeMs, finestHolding, openRanges } from '../../src/aggregate/tiers.ts';
import { DEFAULT_RESOLUTIONS, type RollupDefinition } from '../../src/model/rollup.ts';

const def: RollupDefinition = {
  name: 'r',
  stream: 'events',
  filter: [],
  dimensions: [],
  measures: [{ op: 'count' }],
  resolutions: DEFAULT_RESOLUTIONS,
  latenessMs: 10_000,
  seriesMax: 10,
};
const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;
/** 12:07:30 of some day. */
const NOW = 20_000 * D + 12 * H + 7 * MIN + 30 * S;

test('a coarser bucket is closed with the finest bucket that ends with it', (t) => {
  t.deepEqual(closedTo(def, NOW + 999), [NOW - 10 * S, NOW - 30 * S, NOW - 7 * MIN - 30 * S]);
  t.deepEqual(closedTo(def, NOW - 20 * S), [NOW - 30 * S, NOW - 30 * S, NOW - 7 * MIN - 30 * S]);
  t.deepEqual(closedTo(def, NOW - 20 * S - 1)[1], NOW - 90 * S);
  t.deepEqual(closedTo(def, Number.NEGATIVE_INFINITY), Array(3).fill(Number.NEGATIVE_INFINITY));
});

test('a restart needs open finest buckets and the parts of unfinished coarser ones', (t) => {
  t.deepEqual(openRanges(def, NOW), [
    { stepMs: S, fromMs: NOW - 30 * S, toMs: Number.MAX_SAFE_INTEGER },
    { stepMs: MIN, fromMs: NOW - 7 * MIN - 30 * S, toMs: NOW - 30 * S },
  ]);
  t.deepEqual(openRanges(def, Number.NEGATIVE_INFINITY), []);
});

test('rows expire by retention, but not before the bucket above them is closed', (t) => {
  t.is(expiredBeforeMs(def, S, NOW, NOW), NOW - 2 * H);
  t.is(expiredBeforeMs(def, MIN, NOW, NOW), NOW - 14 * D);
  t.is(expiredBeforeMs(def, 15 * MIN, NOW, NOW), NOW - 730 * D);
  const idle = NOW - 3 * D;
  t.is(expiredBeforeMs(def, S, idle, NOW), idle - 30 * S);
  t.is(expiredBeforeMs(def, S, Number.NEGATIVE_INFINITY, NOW), Number.NEGATIVE_INFINITY);
});

const routes: readonly [string, { ageMs: number; watermarkMs?: number; tier: number }][] = [
  ['just late: the finest tier', { ageMs: 11 * S, tier: 0 }],
  ['an hour old: the finest tier', { ageMs: H, tier: 0 }],
  [
    'its second ends exactly when its retention does: the finest tier no longer has it',
    { ageMs: 2 * H + S, tier: 1 },
  ],
  ['a second less', { ageMs: 2 * H, tier: 0 }],
  ['three hours old: minutes', { ageMs: 3 * H, tier: 1 }],
  ['fifteen days old: quarters', { ageMs: 15 * D, tier: 2 }],
  ['three years old: nowhere', { ageMs: 1_100 * D, tier: 3 }],
  [
    'old, but its minute is unfinished: seconds, of which the minute is rebuilt',
    { ageMs: 3 * H, watermarkMs: NOW - 3 * H + 11 * S, tier: 0 },
  ],
  [
    'old, its minute closed and its quarter unfinished: minutes',
    { ageMs: 15 * D, watermarkMs: NOW - 15 * D + 2 * MIN, tier: 1 },
  ],
];
for (const [title, { ageMs, watermarkMs = NOW, tier }] of routes) {
  test(`a late event finds the finest tier that has its time: ${title}`, (t) => {
    t.is(finestHolding(def, closedTo(def, watermarkMs), NOW - ageMs, NOW), tier);
  });
}
