/** How far partitions have committed, and since when their rollups count, read from the state store. */
import { rebuiltKey } from '../../actors/partition/definitions.ts';
import { loadHead } from '../../actors/partition/snapshot.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { identityOf, type RollupDefinition } from '../model/rollup.ts';

export interface CommittedHead {
  /** Of the partition; no rollup's lateness is subtracted. */
  readonly watermarkMs: number;
  /** Where the rollup began to count; undefined if nobody knows, or another definition is in effect. */
  beganMs(rollup: RollupDefinition, tenant: string): number | undefined;
  /** Of the declaration with which it began; else as `beganMs`. */
  version(rollup: RollupDefinition): number | undefined;
}

export interface CommittedHeads {
  /** Undefined before the partition's first commit. */
  head(partition: number): Promise<CommittedHead | undefined>;
}

export const committedHeads = (state: StateReader): CommittedHeads => ({
  async head(partition) {
    const head = await loadHead(state, partition);
    if (head === undefined) return undefined;
    const { definitions } = head;
    /** Undefined where another definition is in effect. */
    const inEffect = (rollup: RollupDefinition) => {
      const known = definitions?.rollups.find(({ name }) => name === rollup.name);
      const isSame = known !== undefined && identityOf(known) === identityOf(rollup);
      return isSame ? definitions : undefined;
    };
    return {
      watermarkMs: head.state.watermarkMs,
      beganMs(rollup, tenant) {
        const { rebuilt, began } = inEffect(rollup) ?? {};
        return rebuilt?.[rebuiltKey(tenant, rollup.name)] ?? began?.[rollup.name]?.atMs;
      },
      version: (rollup) => inEffect(rollup)?.began?.[rollup.name]?.version,
    };
  },
});
