/** What is seen of a cut on the way through it: how far it goes, which files it will make, and what fields its streams have. */
import type { Block } from '../../src/model/block.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { evolveSchema, Observation } from '../../storage/segments/schema-evolution.ts';
import { hourOf } from '../partition/ledger.ts';
import { STAGES_MAX } from './limits.ts';

export interface CutBounds {
  /** Bytes of event blocks that one cut takes, or one block more. */
  readonly bytesMax: number;
}

/** By `streamKey`. */
export type Schemas = ReadonlyMap<string, StreamSchema>;

/** The schema of a stream of a cut; `before` it, undefined: the stream had none. */
export interface SchemaStep {
  readonly before: StreamSchema | undefined;
  /** `before` itself if nothing is added. */
  readonly after: StreamSchema;
}

/** Of the file that the block's rows go to. */
export const stageKey = ({ partition, tenant, stream, arrivalMs }: Block): string =>
  `${partition}/${tenant}/${stream}/${hourOf(arrivalMs)}`;

export class CutPlan {
  readonly #bytesMax: number;
  readonly #known: Schemas;
  readonly #streams = new Map<string, Observation>();
  readonly #stages = new Set<string>();
  #bytes = 0;
  #rows = 0;
  #arrivedMs = 0;

  constructor({ bytesMax }: CutBounds, known: Schemas) {
    this.#bytesMax = bytesMax;
    this.#known = known;
  }

  /** Rows before duplicates are taken out. */
  get rows(): number {
    return this.#rows;
  }

  /** When the newest of them arrived; 0: there is none. */
  get arrivedMs(): number {
    return this.#arrivedMs;
  }

  /** Answers whether the block belongs to the cut. After the first that does not, none does. */
  take(block: Block): boolean {
    const stage = stageKey(block);
    const isFull = this.#stages.size >= STAGES_MAX && !this.#stages.has(stage);
    if (isFull || this.#bytes >= this.#bytesMax) return false;
    this.#stages.add(stage);
    this.#observationOf(block).add(block);
    this.#bytes += block.bytes.length;
    this.#rows += block.rows;
    this.#arrivedMs = Math.max(this.#arrivedMs, block.arrivalMs);
    return true;
  }

  /** By `streamKey`: of all streams in the cut, once it has all its blocks. */
  schemas(): ReadonlyMap<string, SchemaStep> {
    const steps = new Map<string, SchemaStep>();
    for (const [key, seen] of this.#streams) {
      const before = this.#known.get(key);
      steps.set(key, { before, after: evolveSchema(before, seen) });
    }
    return steps;
  }

  #observationOf(block: Block): Observation {
    const key = streamKey(block);
    let seen = this.#streams.get(key);
    if (seen === undefined) {
      seen = new Observation(block, this.#known.get(key));
      this.#streams.set(key, seen);
    }
    return seen;
  }
}
