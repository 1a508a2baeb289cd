/** Rollups that tenants declare while the server runs. The composition root implements it. */
import type { Checked } from '../model/alarm-board.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import type { RollupAges } from './rollup-ages.ts';

/** Errors of both: `state_io`, what the log fails with, and of a node of a cluster that does not lead, `actor_stopped`. */
export interface RollupPort {
  /**
   * Adds one or replaces the tenant's of that name; `raw` is written as in the configuration. Resolves when it is stored and the log
   * of every partition has it: events that are acknowledged later are counted by it.
   */
  define(tenant: string, raw: unknown): Promise<Checked<RollupDefinition>>;
  /** With all that it has counted. False: there is none of this name. */
  drop(tenant: string, name: string): Promise<Checked<boolean>>;
  /** Since when the tenant's rollups count. */
  ages(tenant: string): RollupAges;
  /** Resolves when every partition has committed the definition, so that a replay can begin. Rejects with `query_timeout`. */
  inForce(rollup: RollupDefinition): Promise<void>;
}
