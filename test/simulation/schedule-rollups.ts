/** The rollups of a schedule, and how they change while it goes on. */
import { declaredName, type Measure, type RollupDefinition } from '../../src/model/rollup.ts';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../src/model/units.ts';
import type { Random } from './random.ts';

export const TENANTS = ['acme', 'b'] as const;
export const STREAMS = ['events', 'other'] as const;

/** What every declaration keeps at least, finest first. A change may keep more of the coarser ones. */
export const RESOLUTIONS = [
  { stepMs: SECOND_MS, retentionMs: 10 * MINUTE_MS },
  { stepMs: MINUTE_MS, retentionMs: 2 * DAY_MS },
  { stepMs: 15 * MINUTE_MS, retentionMs: 30 * DAY_MS },
] as const;

/** Fewer than there are values: what a `top` has no room for is within its bounds. */
export const TOP_CAPACITY = 10;

const EVERY_MEASURE: readonly Measure[] = [
  { op: 'count' },
  { op: 'sum', field: 'n' },
  { op: 'sum', field: 'i' },
  { op: 'min', field: 'n' },
  { op: 'max', field: 'n' },
  { op: 'first', field: 'n' },
  { op: 'last', field: 'x' },
  { op: 'avg', field: 'n' },
  { op: 'avg', field: 'x' },
  { op: 'quantile', field: 'n' },
  { op: 'distinct', field: 'user' },
  { op: 'top', field: 'page', capacity: TOP_CAPACITY },
  { op: 'top', field: 'page', by: 'i', capacity: TOP_CAPACITY },
];

const FULL: RollupDefinition = {
  name: 'full',
  stream: 'events',
  filter: [],
  dimensions: ['type', 'country'],
  measures: EVERY_MEASURE,
  resolutions: RESOLUTIONS,
  latenessMs: 10_000,
  seriesMax: 100,
};
const BY_TYPE: RollupDefinition = {
  ...FULL,
  name: 'by_type',
  dimensions: ['type'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'x' },
    { op: 'quantile', field: 'x' },
    { op: 'distinct', field: 'page' },
  ],
};
const FILTERED: RollupDefinition = {
  ...FULL,
  name: 'filtered',
  filter: [{ field: 'type', in: ['buy', 'click'] }],
  dimensions: ['country'],
  measures: [
    { op: 'count' },
    { op: 'max', field: 'n' },
    { op: 'distinct', field: 'user' },
    { op: 'top', field: 'user', capacity: TOP_CAPACITY },
  ],
};
const OTHER: RollupDefinition = {
  ...FULL,
  name: 'other',
  stream: 'other',
  dimensions: ['type', 'user'],
  latenessMs: 0,
};
const DECLARED: RollupDefinition = {
  ...FULL,
  name: declaredName('acme', 'own'),
  dimensions: ['country', 'page'],
  measures: [{ op: 'count' }, { op: 'sum', field: 'i' }, { op: 'quantile', field: 'i' }],
  tenant: 'acme',
};

export const FIRST_ROLLUPS: readonly RollupDefinition[] = [FULL, BY_TYPE, FILTERED, OTHER];

/** Some are dropped and come again, mean other rows, have more or less room, are kept for longer, or wait for longer. */
export function changedRollups(random: Random): RollupDefinition[] {
  const wider = { ...BY_TYPE, dimensions: ['type', 'page'] };
  const all = [FULL, random.chance(0.7) ? BY_TYPE : wider, FILTERED, OTHER, DECLARED];
  return all.filter(() => random.chance(0.8)).map((rollup) => varied(rollup, random));
}

const varied = (rollup: RollupDefinition, random: Random): RollupDefinition => ({
  ...rollup,
  latenessMs: random.pick([0, 10_000, 30_000]),
  seriesMax: random.pick([5, 12, 100]),
  resolutions: RESOLUTIONS.map(({ stepMs, retentionMs }) => ({
    stepMs,
    // Not of the finest: whether its rows are swept before it grows again is up to the time of commits.
    retentionMs: stepMs === SECOND_MS ? retentionMs : retentionMs * random.int(1, 2),
  })),
});
