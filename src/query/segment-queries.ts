/** What answers a timeseries where no rollup does, put together. */
import type { StateReader } from '../../storage/state/state.ts';
import type { Clock } from '../model/clock.ts';
import type { ArchivePort } from './archive-port.ts';
import type { ColdPort } from './cold/cold-port.ts';
import type { ColdQueries } from './cold/cold-queries.ts';
import { committedHeads } from './committed-heads.ts';
import type { PartitionClient } from './ports.ts';
import { RollupHistory } from './rollup-history.ts';
import type { SegmentQueries } from './route.ts';
import { answerFromSegments, explainSegments, type SegmentSeriesTools } from './segment-series.ts';

export interface SegmentQueriesOptions {
  readonly state: StateReader;
  readonly archive: Pick<ArchivePort, 'segments'>;
  readonly cold: Pick<ColdPort, 'scanRowsMax' | 'committed'>;
  readonly coldQueries: Pick<ColdQueries, 'timeseries' | 'scan'>;
  readonly partitions: PartitionClient;
  readonly clock: Clock;
}

export function segmentQueries({
  state,
  archive,
  cold,
  coldQueries,
  partitions,
  clock,
}: SegmentQueriesOptions): SegmentQueries {
  const heads = committedHeads(state);
  const history = new RollupHistory({ heads, partitions: partitions.partitions, archive, clock });
  const tools: SegmentSeriesTools = {
    ask: (question, after) => coldQueries.timeseries(question, after),
    scan: (question) => coldQueries.scan(question),
    scanRowsMax: cold.scanRowsMax,
    committed: (partition) => cold.committed(partition),
    partitions,
    heads,
    clock,
  };
  return {
    timeseries: (request, note, after) => answerFromSegments(tools, request, note, after),
    explain: (request, note) => explainSegments(tools, request, note),
    lacksBeforeMs: (tenant, rollup, fromMs) => history.lacksBeforeMs(tenant, rollup, fromMs),
  };
}
