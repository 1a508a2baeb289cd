/**
 * Whether events are archived that a rollup has never seen, because they came before it was declared as it is. That is asked by
 * every question that reaches back so far, so what is found out is kept for a while.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { undefinedIfFault } from '../model/errors.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { HOUR_MS } from '../model/units.ts';
import type { ArchivePort } from './archive-port.ts';
import type { CommittedHeads } from './committed-heads.ts';
import { HISTORIES_KEPT_MAX, HISTORY_KEPT_MS, HISTORY_WAIT_MS } from './limits.ts';
import { floorTo } from './time.ts';

export interface RollupHistoryTools {
  readonly heads: CommittedHeads;
  readonly partitions: number;
  readonly archive: Pick<ArchivePort, 'segments'>;
  readonly clock: { now(): number };
}

interface Known<T> {
  readonly atMs: number;
  readonly value: Promise<T | undefined>;
}

export class RollupHistory {
  readonly #tools: RollupHistoryTools;
  readonly #begun = new Map<string, Known<number>>();
  readonly #hasOlder = new Map<string, Known<boolean>>();

  constructor(tools: RollupHistoryTools) {
    this.#tools = tools;
  }

  /**
   * Since when the rollup counts, if that is later than `fromMs` and the archive has events of before; undefined also where it
   * cannot be found out soon.
   */
  async lacksBeforeMs(
    tenant: string,
    rollup: RollupDefinition,
    fromMs: number,
  ): Promise<number | undefined> {
    const key = JSON.stringify([tenant, rollup]);
    const beganMs = await this.#kept(this.#begun, key, () => this.#beganMs(tenant, rollup));
    if (beganMs === undefined || fromMs >= beganMs) return undefined;
    const hasOlder = await Promise.race([
      this.#kept(this.#hasOlder, key, () => this.#isArchivedBefore(tenant, rollup, beganMs)),
      sleep(HISTORY_WAIT_MS, undefined, { ref: false }),
    ]);
    return hasOlder === true ? beganMs : undefined;
  }

  #kept<T>(
    all: Map<string, Known<T>>,
    key: string,
    look: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const nowMs = this.#tools.clock.now();
    const known = all.get(key);
    if (known !== undefined && nowMs - known.atMs < HISTORY_KEPT_MS) return known.value;
    // The archive may be out of reach.
    const value = look().catch(undefinedIfFault);
    all.delete(key);
    all.set(key, { atMs: nowMs, value });
    const [oldest] = all.keys();
    if (all.size > HISTORIES_KEPT_MAX && oldest !== undefined) all.delete(oldest);
    return value;
  }

  /** In the partition that began last. */
  async #beganMs(tenant: string, rollup: RollupDefinition): Promise<number | undefined> {
    const { heads, partitions } = this.#tools;
    const all = await Promise.all(Array.from({ length: partitions }, (_, p) => heads.head(p)));
    const began = all.map((head) => head?.beganMs(rollup, tenant)).filter((ms) => ms !== undefined);
    return began.length === 0 ? undefined : Math.max(...began);
  }

  /** By hours of arrival that were over then. */
  async #isArchivedBefore(
    tenant: string,
    { stream }: RollupDefinition,
    beganMs: number,
  ): Promise<boolean> {
    const hours = { fromMs: 0, toMs: floorTo(beganMs, HOUR_MS) };
    const { rows } = await this.#tools.archive.segments({ tenant, stream, ...hours, first: 1 });
    return rows > 0;
  }
}
