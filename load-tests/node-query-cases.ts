/** What nodes are asked by load-tests/node-query-bench.ts, and what its processes are told. */
import type { NodeAt } from '../src/cluster/directory.ts';
import type { RollupDefinition } from '../src/model/rollup.ts';
import type { TimeseriesRequest } from '../src/query/request.ts';
import { BENCHMARK_ROLLUPS } from './benchmark-rollups.ts';

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

export const BENCH_ROLLUPS: readonly RollupDefinition[] = BENCHMARK_ROLLUPS.slice(0, 1);

export type NodeBenchQuestions = {
  readonly open: { readonly ask: undefined; readonly answer: Omit<NodeAt, 'partitions'> };
  /** Events of so many hours until the tests' now. */
  readonly fill: { readonly ask: { readonly hours: number }; readonly answer: undefined };
  readonly assign: { readonly ask: readonly NodeAt[]; readonly answer: undefined };
  readonly run: {
    readonly ask: { readonly place: number; readonly runs: number; readonly concurrency: number };
    /** Of each run; the digest is of what was answered. */
    readonly answer: { readonly ms: readonly number[]; readonly digest: string };
  };
};

interface Case {
  readonly name: string;
  request(nowMs: number): Omit<TimeseriesRequest, 'tenant' | 'stream'>;
}

export const CASES: readonly Case[] = [
  {
    name: '15 min by 1 min, count of one type',
    request: (toMs) => ({
      fromMs: toMs - 15 * MINUTE_MS,
      toMs,
      stepMs: MINUTE_MS,
      groupBy: [],
      where: { field: 'type', eq: 'type 1' },
      measures: [{ op: 'count' }],
    }),
  },
  {
    name: '1 h by 1 min, count by type',
    request: (toMs) => ({
      fromMs: toMs - HOUR_MS,
      toMs,
      stepMs: MINUTE_MS,
      groupBy: ['type'],
      measures: [{ op: 'count' }],
    }),
  },
  {
    name: '6 h by 1 min, count and sum by type, country',
    request: (toMs) => ({
      fromMs: toMs - 6 * HOUR_MS,
      toMs,
      stepMs: MINUTE_MS,
      groupBy: ['type', 'country'],
      measures: [{ op: 'count' }, { op: 'sum', field: 'duration_ms' }],
    }),
  },
  {
    name: '6 h by 10 min, p95 and distinct by type',
    request: (toMs) => ({
      fromMs: toMs - 6 * HOUR_MS,
      toMs,
      stepMs: 10 * MINUTE_MS,
      groupBy: ['type'],
      measures: [
        { op: 'quantile', field: 'duration_ms', q: 0.95 },
        { op: 'distinct', field: 'user' },
      ],
    }),
  },
];
