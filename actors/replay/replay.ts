/** One replay from its beginning, or from where an earlier life of it ended: fill, compare, and if it is to be applied, swap. */
import { AppError } from '../../src/model/errors.ts';
import { identityOf, shownName } from '../../src/model/rollup.ts';
import { definitionsKey } from '../../storage/state/keys.ts';
import type { StateOp, StateStore } from '../../storage/state/state.ts';
import { rebuiltKey } from '../partition/definitions.ts';
import { loadHead } from '../partition/snapshot.ts';
import { Comparison } from './compare.ts';
import type { TierDifference } from './differences.ts';
import { SWAP_TRIES } from './limits.ts';
import type { HeldPartition, ReplaySpec } from './protocol.ts';
import type { ReplayRange } from './range.ts';
import { Shadow } from './shadow.ts';
import { type LiveHead, ReplaySource, type SourceTools } from './source.ts';

export interface ReplayTools extends SourceTools {
  readonly live: StateStore;
  readonly shadow: StateStore;
  readonly partitions: number;
  readonly now: () => number;
  /** All partitions stand still from then on, until `release` or a time that somebody else keeps. */
  readonly hold: () => Promise<readonly HeldPartition[]>;
  /** From then on nobody ends the hold but `release`. False: the time is over. */
  readonly beginSwap: () => Promise<boolean>;
  /** Partitions load their rollups anew, and go on. */
  readonly release: () => Promise<void>;
}

export interface ReplayOutcome {
  readonly differences: readonly TierDifference[];
  /** Undefined: nothing was swapped. */
  readonly heldMs: number | undefined;
}

export class Replay {
  readonly #tools: ReplayTools;
  readonly #spec: ReplaySpec;
  readonly #range: ReplayRange;
  readonly #shadow: Shadow;
  readonly #source: ReplaySource;

  static async open(tools: ReplayTools, spec: ReplaySpec): Promise<Replay> {
    const { tenant, rollups } = spec;
    const { live, shadow, partitions } = tools;
    return new Replay(
      tools,
      spec,
      await Shadow.open(shadow, live, { tenant, rollups, partitions }),
    );
  }

  constructor(tools: ReplayTools, spec: ReplaySpec, shadow: Shadow) {
    this.#tools = tools;
    this.#spec = spec;
    this.#range = { fromMs: spec.fromMs, toMs: spec.toMs ?? Number.POSITIVE_INFINITY };
    this.#shadow = shadow;
    this.#source = new ReplaySource(tools, { ...spec, range: this.#range }, shadow);
  }

  /** Rows that have been folded in all lives. */
  get rows(): number {
    return this.#shadow.progress.rows;
  }

  /** Changes nothing that anybody sees. What is open is not compared: it moves on meanwhile. */
  async compare(): Promise<ReplayOutcome> {
    const head = await this.#head();
    await this.#source.bringTo(head);
    const comparison = await this.#compared(head, 'closed');
    // Late events have changed some rows since the head was read.
    await this.#source.bringTo(await this.#head(), comparison.outdate);
    await comparison.again();
    return { differences: comparison.differences(), heldMs: undefined };
  }

  /**
   * Puts the rebuilt rows in the place of the live ones, in one batch. Rejects with `query_invalid` if events would be lost and
   * that is not allowed.
   */
  async apply(allowLoss: boolean): Promise<ReplayOutcome> {
    for (let attempt = 1; ; attempt++) {
      const head = await this.#head();
      await this.#source.bringTo(head);
      const comparison = await this.#compared(head, 'all');
      const outcome = await this.#swap(comparison, allowLoss);
      if (outcome !== undefined) return outcome;
      if (attempt < SWAP_TRIES) continue;
      throw new AppError(
        'query_overload',
        'the live rollup got new series each time that the rebuilt one was to take its place: apply it again',
      );
    }
  }

  /** Undefined: series were added since the comparison, which must be made again. */
  async #swap(comparison: Comparison, allowLoss: boolean): Promise<ReplayOutcome | undefined> {
    const { beginSwap, release, live, now } = this.#tools;
    // What came during the comparison, so that partitions wait only for what comes now.
    await this.#source.bringTo(await this.#head(), comparison.outdate);
    const held = await this.#hold();
    const heldFromMs = now();
    try {
      const head = {
        positions: held.map(({ position }) => position),
        watermarksMs: held.map(({ watermarkMs }) => watermarkMs),
      };
      await this.#demandSameRollups();
      await this.#source.bringTo(head, comparison.outdate);
      if (!(await comparison.isStillMatched())) return undefined;
      await comparison.again();
      const differences = comparison.differences();
      demandNoLoss(differences, allowLoss);
      const ops = [...comparison.ops(), ...(await this.#rebuiltMarks())];
      if (!(await beginSwap())) {
        throw new AppError(
          'query_timeout',
          'the swap took longer than partitions may stand still: apply it again, or replay a shorter range',
        );
      }
      if (ops.length > 0) await live.commit(ops, 'synced');
      return { differences, heldMs: now() - heldFromMs };
    } finally {
      await release();
    }
  }

  /** Partitions that are being loaded, or have crashed, cannot be held just now. */
  async #hold(): Promise<readonly HeldPartition[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#tools.hold();
      } catch (error) {
        const mayPass = error instanceof AppError && error.retryable;
        if (!mayPass || attempt === SWAP_TRIES) throw error;
        await this.#tools.pause(0);
      }
    }
  }

  async #compared(head: LiveHead, buckets: 'closed' | 'all'): Promise<Comparison> {
    const { live, shadow, partitions, now, pause } = this.#tools;
    const { tenant, rollups } = this.#spec;
    const { watermarksMs } = head;
    const comparison = new Comparison(live, shadow, {
      ...{ tenant, rollups, partitions, range: this.#range, buckets, watermarksMs },
      nowMs: now(),
    });
    await comparison.all(() => pause(0));
    return comparison;
  }

  /** As the partitions have committed it. */
  async #head(): Promise<LiveHead> {
    const { live, partitions } = this.#tools;
    const positions: number[] = [];
    const watermarksMs: number[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const head = await loadHead(live, partition);
      positions.push(head?.state.position ?? 0);
      watermarksMs.push(head?.state.watermarkMs ?? Number.NEGATIVE_INFINITY);
    }
    await this.#demandSameRollups();
    return { positions, watermarksMs };
  }

  /** From when on the rollups count now, for whoever asks them about earlier. */
  async #rebuiltMarks(): Promise<StateOp[]> {
    const { live, partitions } = this.#tools;
    const { tenant, rollups } = this.#spec;
    const { fromMs, toMs } = this.#range;
    const ops: StateOp[] = [];
    for (let partition = 0; partition < partitions; partition++) {
      const definitions = (await loadHead(live, partition))?.definitions;
      if (definitions === undefined) continue;
      const rebuilt: Record<string, number> = { ...definitions.rebuilt };
      for (const { name } of rollups) {
        const key = rebuiltKey(tenant, name);
        const beganMs = rebuilt[key] ?? definitions.began?.[name]?.atMs;
        if (beganMs !== undefined && fromMs < beganMs && toMs >= beganMs) rebuilt[key] = fromMs;
      }
      const value = Buffer.from(JSON.stringify({ ...definitions, rebuilt }));
      ops.push({ key: definitionsKey(partition), value });
    }
    return ops;
  }

  async #demandSameRollups(): Promise<void> {
    const { live, partitions } = this.#tools;
    for (let partition = 0; partition < partitions; partition++) {
      const head = await loadHead(live, partition);
      if (head === undefined) continue;
      const { definitions, state } = head;
      for (const wanted of this.#spec.rollups) {
        const now = definitions?.rollups.find(({ name }) => name === wanted.name);
        if (now === undefined || identityOf(now) !== identityOf(wanted)) {
          throw new AppError(
            'rollup_changing',
            `the definition of rollup "${shownName(wanted.name)}" has changed since the replay was begun, or partition ${partition} has not come to it yet: start another replay`,
          );
        }
        const heldMs = definitions?.heldMs?.[wanted.name] ?? Number.NEGATIVE_INFINITY;
        if (heldMs > state.watermarkMs) {
          throw new AppError(
            'rollup_changing',
            `the lateness of rollup "${shownName(wanted.name)}" was raised a moment ago: replay it when events have come behind ${new Date(heldMs).toISOString()}`,
          );
        }
      }
    }
  }
}

function demandNoLoss(differences: readonly TierDifference[], allowLoss: boolean): void {
  const worst = differences.reduce<TierDifference | undefined>(
    (most, each) => (each.eventsLost > (most?.eventsLost ?? 0) ? each : most),
    undefined,
  );
  if (worst === undefined || allowLoss) return;
  throw new AppError(
    'query_invalid',
    `rollup "${shownName(worst.rollup)}" counts ${worst.eventsLost} events at ${worst.stepMs / 1_000} s that the archive and the log do not have: they were deleted, or the live rollup is wrong. Nothing was changed; look at the differences, and allow the loss if it is meant`,
  );
}
