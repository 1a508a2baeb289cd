/** Makes the files of a cut: the log's blocks, without what was dropped, staged by partition, stream and hour, then sealed. */
import { ok as assert } from 'node:assert';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Block } from '../../src/model/block.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { segmentPath } from '../../storage/archive/segment-path.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import type { Statements } from '../../storage/segments/duckdb.ts';
import { sealSegment } from '../../storage/segments/seal.ts';
import { StageWriter } from '../../storage/segments/stage.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { hourOf } from '../partition/ledger.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import type { Hours } from './hours.ts';
import { type CutPlan, stageKey } from './plan.ts';
import { walk } from './walk.ts';

export interface CutTools {
  readonly openReader: OpenReader;
  /** Holds the verdicts of every block of the cut. */
  readonly state: StateReader;
  readonly duck: Statements;
  readonly hours: Hours;
  /** Empty, and of nobody else. */
  readonly workDir: string;
  readonly signal: AbortSignal;
}

export interface CutFile {
  readonly file: SegmentFile;
  readonly localPath: string;
}

interface Staged {
  readonly first: Block;
  readonly writer: StageWriter;
}

/** Rejects if `signal` aborts. */
export async function makeCut(tools: CutTools, plan: CutPlan): Promise<CutFile[]> {
  const stages = await stageCut(tools, plan);
  const files: CutFile[] = [];
  for (const [i, { first, writer }] of stages.entries()) {
    if (writer.rows === 0) {
      // All rows of its blocks were erased, and the state is from before that.
      writer.abort();
      continue;
    }
    const stage = writer.finish();
    const schema = schemaOf(plan, first);
    tools.signal.throwIfAborted();
    const localPath = join(tools.workDir, `segment-${i}.parquet`);
    const sealed = await sealSegment(tools.duck, stage, schema, localPath);
    await rm(stage.path);
    const { partition, tenant, stream, arrivalMs } = first;
    const place = {
      tenant,
      stream,
      hourMs: hourOf(arrivalMs),
      partition,
      ...rangeOf(plan, partition),
    };
    const { hours } = tools;
    const { epoch } = hours.committer.next;
    const path = segmentPath({ ...place, folder: hours.folderFor(place), epoch });
    files.push({
      file: { path, ...place, ...sealed, aheadMaxMs: stage.aheadMaxMs, schema: schema.version },
      localPath,
    });
  }
  return files;
}

/** Only files that will have rows. */
async function stageCut(
  { openReader, state, workDir, signal }: CutTools,
  plan: CutPlan,
): Promise<Staged[]> {
  const stages = new Map<string, Staged>();
  const verdicts = new VerdictCursors(state);
  await walk(openReader, plan.stretch, async (portion) => {
    signal.throwIfAborted();
    for (const { block, offset } of portion) {
      const verdict = await verdicts.at(block.partition, offset);
      if (verdict !== undefined && verdict.dropped === verdict.rows) continue;
      const key = stageKey(block);
      let stage = stages.get(key);
      if (stage === undefined) {
        const path = join(workDir, `stage-${stages.size}.parquet`);
        stage = { first: block, writer: new StageWriter({ path, schema: schemaOf(plan, block) }) };
        stages.set(key, stage);
      }
      stage.writer.add(block, offset, verdict);
    }
    return undefined;
  });
  return [...stages.values()];
}

function schemaOf(plan: CutPlan, block: Block): StreamSchema {
  const schema = plan.schemas.get(streamKey(block));
  assert(schema !== undefined, 'the plan has the schema of every stream of its cut');
  return schema;
}

const rangeOf = ({ stretch: { from, to } }: CutPlan, partition: number) => ({
  from: from.get(partition) ?? 0,
  to: to.get(partition) ?? 0,
});
