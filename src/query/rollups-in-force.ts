/**
 * The rollups that questions may be put to, and since when they count. On a node of a cluster they are those that the leader has
 * declared: while nodes are restarted one by one with other rollups, what a node itself is configured with is not what there is
 * to be asked.
 */
import { rebuiltKey } from '../../actors/partition/definitions.ts';
import { loadHead, type PartitionHead } from '../../actors/partition/snapshot.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { AppError } from '../model/errors.ts';
import { askedBy, identityOf, type RollupDefinition } from '../model/rollup.ts';
import { ROLLUPS_LOOK_MS } from './limits.ts';
import type { RollupCatalog } from './ports.ts';

/** The leader has it, and all partitions are declared the same at the same time. */
const ASKED_PARTITION = 0;

export interface RollupsInForceOptions {
  /** Of all partitions. */
  readonly state: StateReader;
  /** Those that this server has declared. */
  readonly declared: () => readonly RollupDefinition[];
  /** Another one may have declared others: these then hold only until it is known. */
  readonly isNode: boolean;
}

type Definitions = NonNullable<PartitionHead['definitions']>;

export class RollupsInForce implements RollupCatalog {
  readonly #options: RollupsInForceOptions;
  readonly #timer: NodeJS.Timeout;
  #committed: Definitions | undefined;
  /** The same objects while nothing changes: whoever plans knows a change by them. */
  #led: readonly RollupDefinition[] | undefined;
  #text = '';
  #isLooking = false;

  constructor(options: RollupsInForceOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.look(), ROLLUPS_LOOK_MS).unref();
  }

  rollups(tenant: string): readonly RollupDefinition[] {
    return (this.#led ?? this.#options.declared()).filter(askedBy(tenant));
  }

  /** As of the last look: what has been declared since counts from now on. */
  sinceMs(tenant: string, rollup: RollupDefinition): number {
    if (this.#committed === undefined) return Number.NEGATIVE_INFINITY;
    const { rollups, rebuilt, began } = this.#committed;
    const known = rollups.find(({ name }) => name === rollup.name);
    if (known === undefined || identityOf(known) !== identityOf(rollup)) {
      return Number.POSITIVE_INFINITY;
    }
    const sinceMs = rebuilt?.[rebuiltKey(tenant, rollup.name)] ?? began?.[rollup.name]?.atMs;
    return sinceMs ?? Number.NEGATIVE_INFINITY;
  }

  /** Keeps what is known if the partition does not answer. */
  async look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const head = await loadHead(this.#options.state, ASKED_PARTITION);
      if (head?.definitions !== undefined) this.#keep(head.definitions);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    } finally {
      this.#isLooking = false;
    }
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #keep(committed: Definitions): void {
    this.#committed = committed;
    if (!this.#options.isNode) return;
    const text = JSON.stringify(committed.rollups);
    if (text === this.#text) return;
    this.#text = text;
    this.#led = committed.rollups;
  }
}
