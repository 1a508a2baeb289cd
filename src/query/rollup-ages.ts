/** Since when rollups count, and whether anything came before: for whoever looks at what is declared. */
import { undefinedIfFault } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { EPOCH_MS_MAX, HOUR_MS } from '../model/units.ts';
import type { CommittedHead, CommittedHeads } from './committed-heads.ts';
import { COLLECT_TIMEOUT_MS } from './limits.ts';
import type { PartitionClient } from './ports.ts';
import { floorTo } from './time.ts';

export interface RollupAge {
  /** Of the newest declaration that made it begin; undefined: of a time before that was kept, or not in all partitions yet. */
  readonly version: number | undefined;
  /** Where the last partition began, or from where a replay has rebuilt it; as `version`. */
  readonly sinceMs: number | undefined;
  /** No event of its stream came before. Undefined: it cannot be told. */
  readonly isComplete: boolean | undefined;
}

/** What one question needs of the partitions is asked for once, and only if it is needed. */
export class RollupAges {
  readonly #tenant: string;
  readonly #partitions: PartitionClient;
  readonly #load: CommittedHeads;
  #heads: Promise<readonly (CommittedHead | undefined)[]> | undefined;
  #firstHours: Promise<ReadonlyMap<string, number> | undefined> | undefined;

  constructor(tenant: string, partitions: PartitionClient, heads: CommittedHeads) {
    this.#tenant = tenant;
    this.#partitions = partitions;
    this.#load = heads;
  }

  async of(rollup: RollupDefinition): Promise<RollupAge> {
    this.#heads ??= this.#loadHeads();
    const heads = await this.#heads;
    const sinceMs = newest(heads.map((head) => head?.beganMs(rollup, this.#tenant)));
    const version = newest(heads.map((head) => head?.version(rollup)));
    return { version, sinceMs, isComplete: await this.#isComplete(rollup, sinceMs) };
  }

  async #isComplete(
    { stream }: RollupDefinition,
    sinceMs: number | undefined,
  ): Promise<boolean | undefined> {
    if (sinceMs === undefined) return undefined;
    this.#firstHours ??= this.#readFirstHours();
    const firstHours = await this.#firstHours;
    if (firstHours === undefined) return undefined;
    const firstMs = firstHours.get(stream) ?? Number.POSITIVE_INFINITY;
    if (firstMs >= sinceMs) return true;
    // The ledger counts by whole hours: in which part of this one events came it does not know.
    return firstMs < floorTo(sinceMs, HOUR_MS) ? false : undefined;
  }

  #loadHeads(): Promise<readonly (CommittedHead | undefined)[]> {
    return Promise.all(this.#each((partition) => this.#load.head(partition)));
  }

  /** By stream the first hour in which events arrived, as far back as the ledger goes. Undefined if a partition does not answer. */
  async #readFirstHours(): Promise<ReadonlyMap<string, number> | undefined> {
    const all = { tenant: this.#tenant, fromMs: 0, toMs: EPOCH_MS_MAX };
    const replies = await Promise.all(
      this.#each((partition) =>
        this.#partitions.ledger(partition, all, COLLECT_TIMEOUT_MS).catch(undefinedIfFault),
      ),
    );
    const first = new Map<string, number>();
    for (const reply of replies) {
      if (reply === undefined) return undefined;
      for (const { stream, arrivalHourMs, applied } of reply.entries) {
        const knownMs = first.get(stream) ?? Number.POSITIVE_INFINITY;
        if (applied > 0 && arrivalHourMs < knownMs) first.set(stream, arrivalHourMs);
      }
    }
    return first;
  }

  #each<T>(ask: (partition: number) => Promise<T>): Promise<T>[] {
    return Array.from({ length: this.#partitions.partitions }, (_, partition) => ask(partition));
  }
}

/** Undefined if some are unknown. */
function newest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length ? Math.max(...known) : undefined;
}
