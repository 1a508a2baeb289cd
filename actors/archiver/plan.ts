/** The first look at a cut: how far it goes, which files it will make, and what fields its streams have. */
import type { Block } from '../../src/model/block.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import { evolveSchema, Observation } from '../../storage/segments/schema-evolution.ts';
import { hourOf } from '../partition/ledger.ts';
import { STAGES_MAX } from './limits.ts';
import { type Stretch, walk } from './walk.ts';

export interface CutBounds {
  /** Bytes of event blocks that one cut takes, or one block more. */
  readonly bytesMax: number;
}

export interface CutPlan {
  readonly stretch: Stretch;
  /** Rows before duplicates are taken out. */
  readonly rows: number;
  /** By `streamKey`: of all streams in the cut. */
  readonly schemas: ReadonlyMap<string, StreamSchema>;
}

/** Of the file that the block's rows go to. */
export const stageKey = ({ partition, tenant, stream, arrivalMs }: Block): string =>
  `${partition}/${tenant}/${stream}/${hourOf(arrivalMs)}`;

export interface PlanTools {
  readonly openReader: OpenReader;
  readonly signal: AbortSignal;
}

/** Rejects if `signal` aborts. */
export async function planCut(
  { openReader, signal }: PlanTools,
  wanted: Stretch,
  { bytesMax }: CutBounds,
  known: ReadonlyMap<string, StreamSchema>,
): Promise<CutPlan> {
  const streams = new Map<string, Observation>();
  const stages = new Set<string>();
  let bytes = 0;
  let rows = 0;
  const to = await walk(openReader, wanted, async (portion) => {
    signal.throwIfAborted();
    for (const [taken, { block }] of portion.entries()) {
      const stage = stageKey(block);
      if (bytes >= bytesMax || (stages.size >= STAGES_MAX && !stages.has(stage))) return taken;
      stages.add(stage);
      const key = streamKey(block);
      let seen = streams.get(key);
      if (seen === undefined) {
        seen = new Observation(block, known.get(key));
        streams.set(key, seen);
      }
      seen.add(block);
      bytes += block.bytes.length;
      rows += block.rows;
    }
    return undefined;
  });
  const schemas = new Map<string, StreamSchema>();
  for (const [key, seen] of streams) schemas.set(key, evolveSchema(known.get(key), seen));
  return { stretch: { from: wanted.from, to }, rows, schemas };
}
