/** Makes segments of a staged cut: each of its files is sealed, and gets its place in the archive. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NewSegment } from '../../storage/archive/segment-commit.ts';
import { segmentPath } from '../../storage/archive/segment-path.ts';
import type { Statements } from '../../storage/segments/duckdb.ts';
import { sealSegment } from '../../storage/segments/seal.ts';
import type { Hours } from './hours.ts';
import type { CutStage, StagedCut } from './staging.ts';

export interface SealTools {
  readonly duck: Statements;
  readonly hours: Hours;
  readonly signal: AbortSignal;
}

/**
 * In the folder of the cut, in which they take the place of what was staged. `onNext` is called before each. Rejects if `signal` aborts.
 */
export async function sealCut(
  tools: SealTools,
  cut: StagedCut,
  onNext: () => void,
): Promise<NewSegment[]> {
  const segments: NewSegment[] = [];
  for (const [i, stage] of cut.files.entries()) {
    tools.signal.throwIfAborted();
    onNext();
    const localPath = join(cut.folder, `segment-${i}.parquet`);
    segments.push(await sealStage(tools, cut, stage, localPath));
  }
  return segments;
}

async function sealStage(
  { duck, hours }: SealTools,
  { stretch }: StagedCut,
  { place, schema, staged }: CutStage,
  localPath: string,
): Promise<NewSegment> {
  const sealed = await sealSegment(duck, staged, schema, localPath);
  await rm(staged.path);
  const { partition } = place;
  const from = stretch.from.get(partition) ?? 0;
  const to = stretch.to.get(partition) ?? 0;
  const { epoch } = hours.committer.next;
  const range = { partition, from, to };
  const path = segmentPath({ ...range, folder: hours.folderFor(place), epoch });
  const { aheadMaxMs } = staged;
  const file = { path, ...place, ...range, ...sealed, aheadMaxMs, schema: schema.version };
  return { file, localPath };
}
