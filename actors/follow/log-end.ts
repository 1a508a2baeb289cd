/** Follows the log as far as partitions commit it: one reader of it, for all who want to know. */
import type { Block } from '../../src/model/block.ts';
import { isFault } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import { KeptRows } from '../../storage/segments/kept-rows.ts';
import type { Verdict } from '../../storage/state/rows.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { type EventBlock, walk } from '../archiver/walk.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import type { Voucher } from '../partition/voucher.ts';
import type { Follower } from './follower.ts';

export interface LogEndTools {
  readonly openReader: OpenReader;
  /** Holds the verdicts of every committed block. */
  readonly state: StateReader;
  readonly voucher: Voucher;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
  readonly now: () => number;
}

interface JudgedBlock {
  readonly block: Block;
  readonly at: Offset;
  readonly followers: readonly Follower[];
  readonly verdict: Verdict | undefined;
}

/** What reading the rows of another node may come to. It is tried again at the next look. */
const OF_OTHER_NODES = ['partition_elsewhere', 'node_away', 'query_timeout'] as const;

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
    const news = new Map([...this.#committed()].filter(([p, end]) => end > (from.get(p) ?? 0)));
    if (news.size === 0) return;
    const vouched = await this.#tools.voucher.vouch(news);
    // Of a partition that is on its way to another node nothing is told until it has come there.
    const to = new Map([...news].filter(([partition]) => vouched.partitions.has(partition)));
    // What was committed since the last look has verdicts since then only.
    const verdicts = new VerdictCursors(this.#tools.state);
    try {
      this.#reached = await walk(this.#tools.openReader, { from, to }, async (portion) => {
        const judged = await this.#judge(portion, verdicts);
        if (judged === undefined || !(await vouched.holds())) return 0;
        for (const each of judged) this.#show(each);
        this.#flush();
        return undefined;
      });
    } catch (error) {
      if (!isFault(error, 'log_truncated')) throw error;
      this.#reached = new Map([...from, ...to]);
      for (const follower of this.#followers.keys()) follower.lose();
    }
  }

  /** Those that anybody wants to know. Undefined: a partition has gone to another node meanwhile, or that one does not answer. */
  async #judge(
    portion: readonly EventBlock[],
    verdicts: VerdictCursors,
  ): Promise<readonly JudgedBlock[] | undefined> {
    const judged: JudgedBlock[] = [];
    for (const { block, offset: at } of portion) {
      const followers = [...this.#followers]
        .filter(([each, start]) => at >= (start.get(block.partition) ?? 0) && each.wants(block))
        .map(([follower]) => follower);
      if (followers.length === 0) continue;
      try {
        judged.push({ block, at, followers, verdict: await verdicts.at(block.partition, at) });
      } catch (error) {
        if (!OF_OTHER_NODES.some((code) => isFault(error, code))) throw error;
        return undefined;
      }
    }
    return judged;
  }

  #show({ block, at, followers, verdict }: JudgedBlock): void {
    this.#kept.load(block, verdict);
    for (const follower of followers) follower.look({ block, kept: this.#kept }, at);
  }

  #flush(): void {
    const nowMs = this.#tools.now();
    for (const follower of this.#followers.keys()) follower.flush(nowMs);
  }

  #committed(): ReadonlyMap<number, Offset> {
    return new Map(this.#tools.committed().map((end, partition) => [partition, offset(end)]));
  }
}
