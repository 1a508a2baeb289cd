/**
 * The rows of the server as a whole, as the archive has them: those of a checkpoint, and the changes that lead from there to the newest.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../src/model/logger.ts';
import { atOnce } from '../archive/at-once.ts';
import { MANIFEST_READS_AT_ONCE } from '../limits.ts';
import type { StateOp } from '../state/state.ts';
import { isDamage, newestFirst, partsOf } from './candidates.ts';
import { type Change, readChange } from './change-chain.ts';
import { type CheckpointPart, type CheckpointSet, isSameTurn } from './checkpoint-set.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { readPartFile } from './part-file.ts';
import { type Layout, usableSets } from './restore.ts';

export interface ServerRowsOptions extends Layout {
  readonly store: CheckpointStore;
  /** Emptied by whoever has made it. */
  readonly workDir: string;
  readonly log: Logger;
}

export interface ServerRows {
  /** The newest change that they have; what comes next follows it. */
  readonly number: number;
  /** Undefined: changes have all of them. */
  readonly part: CheckpointPart | undefined;
  /** To be written in their order to a state without such rows. */
  readonly ops: readonly StateOp[];
  /** Of how many changes they are. */
  readonly changes: number;
}

export interface FoundRows {
  /** Undefined: nothing can be had at all. */
  readonly rows: ServerRows | undefined;
  /** Changes that are damaged or missing, or what they follow is: those behind them are left out. */
  readonly broken: readonly number[];
}

/** What it has read once it reads no more, as whoever claims the chain may have to look several times. */
export class ServerRowsReader {
  readonly #options: ServerRowsOptions;
  #sets: readonly CheckpointSet[] = [];
  /** Newest first. */
  #parts: readonly CheckpointPart[] = [];
  readonly #changes = new Map<number, Change>();
  /** By path. */
  readonly #partRows = new Map<string, readonly StateOp[]>();

  constructor(options: ServerRowsOptions) {
    this.#options = options;
  }

  /** Which checkpoints there are now. False: the same as the last time. */
  async look(): Promise<boolean> {
    const sets = await usableSets(this.#options);
    const isSame =
      sets.length === this.#sets.length &&
      sets.every((set, i) => isSameTurn(set, this.#sets[i] ?? NO_TURN));
    this.#sets = sets;
    this.#parts = newestFirst(partsOf(sets, 'server'));
    return !isSame;
  }

  /** The number of the newest change, and who has made it; 0 if nothing was ever kept. */
  async newest(): Promise<{ readonly number: number; readonly life: number }> {
    const numbers = await this.#options.store.changes();
    const number = Math.max(0, ...numbers.slice(-1), ...this.#parts.map((part) => part.position));
    const life = (await this.#change(number))?.life ?? 0;
    return { number, life };
  }

  /** The change of that number; undefined if it cannot be had. */
  async change(number: number): Promise<Change | undefined> {
    return this.#change(number);
  }

  /** As of `number`, or of the newest before that can be had. */
  async at(number: number): Promise<FoundRows> {
    await this.#readAhead(number);
    const broken: number[] = [];
    for (let top = number; top > 0; ) {
      const { rows, brokenAt } = await this.#leadingTo(top);
      if (rows !== undefined) return { rows, broken };
      broken.push(brokenAt);
      top = brokenAt - 1;
    }
    return { rows: undefined, broken };
  }

  async #leadingTo(
    top: number,
  ): Promise<{ readonly rows: ServerRows | undefined; readonly brokenAt: number }> {
    const since: Change[] = [];
    for (let at = top; ; ) {
      for (const part of this.#parts.filter(({ position }) => position === at)) {
        const base = await this.#rowsOf(part);
        if (base !== undefined) return { rows: rowsOf(top, part, base, since), brokenAt: at };
      }
      const change = await this.#change(at);
      if (change === undefined || change.after >= at) return { rows: undefined, brokenAt: at };
      since.unshift(change);
      if (change.after === 0) return { rows: rowsOf(top, undefined, [], since), brokenAt: at };
      at = change.after;
    }
  }

  /** Side by side, as there may be thousands since the newest checkpoint. */
  async #readAhead(to: number): Promise<void> {
    const from = this.#parts.find(({ position }) => position <= to)?.position ?? 0;
    const numbers = (await this.#options.store.changes()).filter((n) => n > from && n <= to);
    await atOnce(numbers, MANIFEST_READS_AT_ONCE, async (number) => {
      await this.#change(number);
    });
  }

  async #change(number: number): Promise<Change | undefined> {
    const known = this.#changes.get(number);
    if (known !== undefined) return known;
    const change = await this.#unlessDamaged(() => readChange(this.#options.store, number));
    if (change !== undefined) this.#changes.set(number, change);
    return change;
  }

  async #rowsOf(part: CheckpointPart): Promise<readonly StateOp[] | undefined> {
    const path = this.#options.store.paths.part(part);
    const rows =
      this.#partRows.get(path) ?? (await this.#unlessDamaged(() => this.#readPart(part)));
    if (rows !== undefined) this.#partRows.set(path, rows);
    return rows;
  }

  async #readPart(part: CheckpointPart): Promise<StateOp[]> {
    const { store, workDir } = this.#options;
    const localPath = join(workDir, 'part-server');
    try {
      await store.archive.fetch(store.paths.part(part), localPath);
      const ops: StateOp[] = [];
      for await (const rows of readPartFile(localPath, part)) for (const row of rows) ops.push(row);
      return ops;
    } finally {
      await rm(localPath, { force: true });
    }
  }

  async #unlessDamaged<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.#options.log.warn({ err: error }, "rows of the server's in the archive cannot be read");
      return undefined;
    }
  }
}

const NO_TURN = { life: -1, number: -1 };

const rowsOf = (
  number: number,
  part: CheckpointPart | undefined,
  base: readonly StateOp[],
  since: readonly Change[],
): ServerRows => ({
  number,
  part,
  ops: base.concat(since.flatMap(({ ops }) => ops)),
  changes: since.length,
});
