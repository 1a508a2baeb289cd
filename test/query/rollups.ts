/** Rollups that tests of the query side share. */
import { DEFAULT_RESOLUTIONS, type RollupDefinition } from '../../src/model/rollup.ts';

export function rollup(name: string, parts: Partial<RollupDefinition> = {}): RollupDefinition {
  return {
    name,
    stream: 'events',
    filter: [],
    dimensions: [],
    measures: [{ op: 'count' }],
    resolutions: DEFAULT_RESOLUTIONS,
    latenessMs: 10_000,
    seriesMax: 1_000,
    ...parts,
  };
}

export const BY_TYPE = rollup('by_type', { dimensions: ['type'] });

export const BY_TYPE_AND_COUNTRY = rollup('by_type_and_country', {
  dimensions: ['type', 'country'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'duration_ms' },
    { op: 'min', field: 'duration_ms' },
    { op: 'max', field: 'duration_ms' },
    { op: 'quantile', field: 'duration_ms' },
    { op: 'distinct', field: 'user' },
    { op: 'first', field: 'duration_ms' },
    { op: 'last', field: 'duration_ms' },
    { op: 'top', field: 'user', capacity: 50 },
    { op: 'top', field: 'user', by: 'duration_ms', capacity: 50 },
  ],
});

export const PURCHASES = rollup('purchases', {
  filter: [{ field: 'type', in: ['purchase', 'refund'] }],
  dimensions: ['shop'],
});
