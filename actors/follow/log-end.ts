/** Follows the log as far as partitions commit it: one reader of it, for all who want to know. */
import { isFault } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { KeptRows } from '../../storage/segments/kept-rows.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { type EventBlock, type OpenReader, walk } from '../archiver/walk.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import type { Follower } from './follower.ts';

export interface LogEndTools {
  readonly openReader: OpenReader;
  /** Holds the verdicts of every committed block. */
  readonly state: StateReader;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
  readonly now: () => number;
}

export class LogEnd {
  readonly #tools: LogEndTools;
  /** Each with where the log was committed when it came. */
  readonly #followers = new Map<Follower, ReadonlyMap<number, Offset>>();
  readonly #kept = new KeptRows();
  /** Where it has read to, while anybody follows. */
  #reached: ReadonlyMap<number, Offset> = new Map();

  constructor(tools: LogEndTools) {
    this.#tools = tools;
  }

  get followers(): number {
    return this.#followers.size;
  }

  /** It is told what is committed from now on. */
  add(follower: Follower): void {
    const start = this.#committed();
    if (this.#followers.size === 0) this.#reached = start;
    this.#followers.set(follower, start);
  }

  remove(follower: Follower): void {
    this.#followers.delete(follower);
  }

  /** Reads what was committed since the last look. One call at a time. */
  async look(): Promise<void> {
    if (this.#followers.size > 0) await this.#read();
    this.#flush();
  }

  async #read(): Promise<void> {
    const from = this.#reached;
    const to = this.#committed();
    // What was committed since the last look has verdicts since then only.
    const verdicts = new VerdictCursors(this.#tools.state);
    try {
      this.#reached = await walk(this.#tools.openReader, { from, to }, async (portion) => {
        for (const each of portion) await this.#show(each, verdicts);
        this.#flush();
        return undefined;
      });
    } catch (error) {
      if (!isFault(error, 'log_truncated')) throw error;
      this.#reached = to;
      for (const follower of this.#followers.keys()) follower.lose();
    }
  }

  async #show({ block, offset: at }: EventBlock, verdicts: VerdictCursors): Promise<void> {
    const interested = [...this.#followers]
      .filter(([each, start]) => at >= (start.get(block.partition) ?? 0) && each.wants(block))
      .map(([follower]) => follower);
    if (interested.length === 0) return;
    this.#kept.load(block, await verdicts.at(block.partition, at));
    for (const follower of interested) follower.look({ block, kept: this.#kept }, at);
  }

  #flush(): void {
    const nowMs = this.#tools.now();
    for (const follower of this.#followers.keys()) follower.flush(nowMs);
  }

  #committed(): ReadonlyMap<number, Offset> {
    return new Map(this.#tools.committed().map((end, partition) => [partition, offset(end)]));
  }
}
