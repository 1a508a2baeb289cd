/** What rollups remember of a value: the label of a series, which cannot be taken out of sums that are kept by it; and sketches. */
import { isSketch } from '../../src/aggregate/layout.ts';
import { type RollupDefinition, shownName } from '../../src/model/rollup.ts';
import { seriesRange } from '../../storage/state/keys.ts';
import { decodeSeriesLabels } from '../../storage/state/rows.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import { SERIES_PAGE_ROWS } from './limits.ts';
import { isInStream, type Target } from './target.ts';

/** Names of the rollups, of those that are declared, in which some series of the tenant is labelled with the value. */
export async function rollupsLabelled(
  state: StateReader,
  partitions: number,
  rollups: readonly RollupDefinition[],
  target: Target,
): Promise<string[]> {
  const found: string[] = [];
  for (const rollup of rollups) {
    const isOfTenant = rollup.tenant === undefined || rollup.tenant === target.tenant;
    const places = rollup.dimensions.flatMap((field, i) => (field === target.field ? [i] : []));
    if (!isOfTenant || places.length === 0 || !isInStream(target, rollup.stream)) continue;
    for (let partition = 0; partition < partitions; partition++) {
      if (await isLabelled(state, partition, rollup.name, places, target)) {
        found.push(shownName(rollup.name));
        break;
      }
    }
  }
  return found;
}

/** Names of the rollups whose sketches events of the request went into. */
export const rollupsSketching = (
  rollups: readonly RollupDefinition[],
  request: Pick<Target, 'tenant' | 'stream'>,
): string[] =>
  rollups
    .filter(({ tenant }) => tenant === undefined || tenant === request.tenant)
    .filter(({ stream }) => isInStream(request, stream))
    .filter(({ measures }) => measures.some(isSketch))
    .map(({ name }) => shownName(name));

async function isLabelled(
  state: StateReader,
  partition: number,
  rollup: string,
  places: readonly number[],
  { tenant, value }: Target,
): Promise<boolean> {
  const range = seriesRange(partition, tenant, rollup);
  for await (const row of scan(state, range, SERIES_PAGE_ROWS)) {
    const labels = decodeSeriesLabels(row.value);
    if (places.some((place) => labels[place] === value)) return true;
  }
  return false;
}
