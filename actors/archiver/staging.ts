/**
 * Stages a cut: the log's blocks, without what was dropped, become files by partition, stream and hour. One way through the log, on which
 * it also shows what fields the streams have; streams that are new, or get a column, are staged on a second one.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Block } from '../../src/model/block.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { HourPlace } from '../../storage/archive/segment-path.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import { type StagedFile, StageWriter } from '../../storage/segments/stage.ts';
import type { Verdict } from '../../storage/state/rows.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { hourOf } from '../partition/ledger.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import { type CutBounds, CutPlan, type SchemaStep, type Schemas, stageKey } from './plan.ts';
import { type EventBlock, type Stretch, walk } from './walk.ts';

export interface StagingTools {
  readonly openReader: OpenReader;
  /** Holds the verdicts of every block of the cut. */
  readonly state: StateReader;
  /** Made anew. Of this cut alone. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

export interface StagedCut {
  /** As far as the cut goes. */
  readonly stretch: Stretch;
  /** Rows before duplicates are taken out. */
  readonly rows: number;
  /** When the newest of them arrived. */
  readonly arrivedMs: number;
  /** By `streamKey`: of all its streams. */
  readonly schemas: ReadonlyMap<string, SchemaStep>;
  readonly files: readonly CutStage[];
  /** Where the files lie; whoever has the cut removes it. */
  readonly folder: string;
}

/** What becomes one segment; it has rows. */
export interface CutStage {
  readonly place: HourPlace & { readonly partition: number };
  readonly schema: StreamSchema;
  readonly staged: StagedFile;
}

/** Takes as much of the stretch as the bounds allow. Rejects if `signal` aborts; then nothing of it is left. */
export async function stageCut(
  tools: StagingTools,
  stretch: Stretch,
  bounds: CutBounds,
  known: Schemas,
): Promise<StagedCut> {
  await rm(tools.folder, { recursive: true, force: true });
  await mkdir(tools.folder);
  const stages = new Stages(tools.folder);
  try {
    const plan = new CutPlan(bounds, known);
    const to = await stageKnown(tools, stretch, plan, known, stages);
    const taken = { from: stretch.from, to };
    const schemas = plan.schemas();
    await stageGrown(tools, taken, schemas, stages);
    const { rows, arrivedMs } = plan;
    return {
      stretch: taken,
      rows,
      arrivedMs,
      schemas,
      files: stages.finish(),
      folder: tools.folder,
    };
  } catch (error) {
    stages.abort();
    await rm(tools.folder, { recursive: true, force: true });
    throw error;
  }
}

/** Streams that had a schema before, as if it did not grow. Answers where the cut ends. */
function stageKnown(
  { openReader, state, signal }: StagingTools,
  stretch: Stretch,
  plan: CutPlan,
  known: Schemas,
  stages: Stages,
): Promise<Stretch['to']> {
  const verdicts = new VerdictCursors(state);
  return walk(openReader, stretch, async (portion) => {
    signal.throwIfAborted();
    for (const [taken, each] of portion.entries()) {
      if (!plan.take(each.block)) return taken;
      const schema = known.get(streamKey(each.block));
      if (schema !== undefined) await stageBlock(each, schema, verdicts, stages);
    }
    return undefined;
  });
}

/** Streams whose schema has come or grown with the cut, with that. */
async function stageGrown(
  { openReader, state, signal }: StagingTools,
  taken: Stretch,
  schemas: StagedCut['schemas'],
  stages: Stages,
): Promise<void> {
  const grown = new Map<string, StreamSchema>();
  for (const [key, { before, after }] of schemas) if (after !== before) grown.set(key, after);
  if (grown.size === 0) return;
  stages.drop(grown);
  const verdicts = new VerdictCursors(state);
  await walk(openReader, taken, async (portion) => {
    signal.throwIfAborted();
    for (const each of portion) {
      const schema = grown.get(streamKey(each.block));
      if (schema !== undefined) await stageBlock(each, schema, verdicts, stages);
    }
    return undefined;
  });
}

async function stageBlock(
  { block, offset }: EventBlock,
  schema: StreamSchema,
  verdicts: VerdictCursors,
  stages: Stages,
): Promise<void> {
  const verdict = await verdicts.at(block.partition, offset);
  if (verdict !== undefined && verdict.dropped === verdict.rows) return;
  stages.add(block, offset, verdict, schema);
}

interface OpenStage extends Omit<CutStage, 'staged'> {
  readonly writer: StageWriter;
}

/** The files while they grow. */
class Stages {
  readonly #folder: string;
  readonly #open = new Map<string, OpenStage>();
  #made = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  add(block: Block, offset: number, verdict: Verdict | undefined, schema: StreamSchema): void {
    const key = stageKey(block);
    let stage = this.#open.get(key);
    if (stage === undefined) {
      stage = this.#begin(block, schema);
      this.#open.set(key, stage);
    }
    stage.writer.add(block, offset, verdict);
  }

  /** Gives up the files of these streams. */
  drop(streams: Schemas): void {
    for (const [key, { place, writer }] of this.#open) {
      if (!streams.has(streamKey(place))) continue;
      this.#open.delete(key);
      writer.abort();
    }
  }

  /** Files that have rows: where all of them were erased, and the state is from before that, there is none. */
  finish(): CutStage[] {
    const files: CutStage[] = [];
    for (const [key, { writer, ...stage }] of this.#open) {
      if (writer.rows > 0) files.push({ ...stage, staged: writer.finish() });
      else writer.abort();
      this.#open.delete(key);
    }
    return files;
  }

  abort(): void {
    for (const { writer } of this.#open.values()) writer.abort();
  }

  #begin({ partition, tenant, stream, arrivalMs }: Block, schema: StreamSchema): OpenStage {
    const path = join(this.#folder, `stage-${this.#made++}.parquet`);
    const place = { partition, tenant, stream, hourMs: hourOf(arrivalMs) };
    return { place, schema, writer: new StageWriter({ path, schema }) };
  }
}
