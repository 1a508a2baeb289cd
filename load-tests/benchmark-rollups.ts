/** What the benchmark's events are folded into. */
import {
  DEFAULT_LATENESS_MS,
  DEFAULT_RESOLUTIONS,
  DEFAULT_SERIES_MAX,
  type RollupDefinition,
} from '../src/model/rollup.ts';

const COMMON = {
  stream: 'events',
  filter: [],
  resolutions: DEFAULT_RESOLUTIONS,
  latenessMs: DEFAULT_LATENESS_MS,
  seriesMax: DEFAULT_SERIES_MAX,
};

export const BENCHMARK_ROLLUPS: readonly RollupDefinition[] = [
  {
    ...COMMON,
    name: 'by_type_country',
    dimensions: ['type', 'country'],
    measures: [
      { op: 'count' },
      { op: 'sum', field: 'duration_ms' },
      { op: 'quantile', field: 'duration_ms' },
      { op: 'distinct', field: 'user' },
    ],
  },
  { ...COMMON, name: 'by_url', dimensions: ['url'], measures: [{ op: 'count' }] },
];
