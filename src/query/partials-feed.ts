/**
 * Follows frozen rollups over all partitions (`Partials`): asks each partition for what has closed, one message for all
 * rollups, reads from the store what has left the partitions' memory, and hands a bucket out once every partition has
 * closed it. A partition that does not answer stalls what comes next and nothing else: nobody waits long for it.
 */
import assert from 'node:assert/strict';
import { layoutOf } from '../aggregate/layout.ts';
import type { Clock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { PartialHistory, Partials, RollupTicks } from '../model/partials.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { type FeedRow, FollowedRollup, type StoredSpan } from './followed-rollup.ts';
import { COLLECT_TIMEOUT_MS, POLL_WAIT_MS } from './limits.ts';
import { OwnersSeen } from './partition-lost.ts';
import type { PartialsAnswer, PartialsClient, PartialsReply, StoredRollups } from './ports.ts';

export interface PartialsFeedOptions {
  readonly partitions: PartialsClient;
  readonly stored: Pick<StoredRollups, 'scanRows'>;
  readonly clock: Clock;
  readonly sleep: (ms: number) => Promise<void>;
}

export class PartialsFeed implements Partials {
  readonly #options: PartialsFeedOptions;
  readonly #followed = new Map<string, FollowedRollup>();
  /** By partition: what it is asked and has not answered. What was rejected stays, so that the next poll shows it. */
  readonly #asked = new Map<number, Promise<void>>();
  #isPolling = false;
  #owners: OwnersSeen;

  constructor(options: PartialsFeedOptions) {
    this.#options = options;
    this.#owners = new OwnersSeen(options.partitions);
  }

  follow(rollup: RollupDefinition, fromMs?: number): void {
    assert(rollup.frozen && rollup.tenant !== undefined, 'only frozen rollups can be followed');
    const { partitions } = this.#options.partitions;
    this.#followed.set(rollup.name, new FollowedRollup(rollup, partitions, fromMs));
  }

  release(rollup: string, fromMs: number): void {
    this.#followed.get(rollup)?.release(fromMs);
  }

  forget(rollup: string): void {
    this.#followed.delete(rollup);
  }

  async poll(): Promise<readonly RollupTicks[]> {
    assert(!this.#isPolling, 'one poll at a time');
    this.#isPolling = true;
    this.#seeOwners();
    try {
      const answers = Promise.all(this.#partitions().map((partition) => this.#asking(partition)));
      await Promise.race([answers, this.#options.sleep(POLL_WAIT_MS)]);
    } finally {
      this.#isPolling = false;
    }
    const ticks = Array.from(this.#followed.values(), (followed) => followed.next());
    return ticks.filter((each) => each !== undefined);
  }

  async history(
    rollup: string,
    stepMs: number,
    fromMs: number,
    toMs: number,
  ): Promise<PartialHistory | undefined> {
    const followed = this.#followed.get(rollup);
    if (followed === undefined) throw new RangeError(`rollup "${rollup}" is not followed`);
    const owners = this.#seeOwners();
    if (toMs > followed.storedToMs(stepMs)) return undefined;
    const span = { stepMs, fromMs: Math.max(0, fromMs), toMs };
    const { definition } = followed;
    const rows = await withoutFaults(() =>
      Promise.all(this.#partitions().map((partition) => this.#scan(definition, partition, span))),
    );
    if (rows === undefined || this.#followed.get(rollup) !== followed) return undefined;
    if (!this.#partitions().every((partition) => owners.isSame(partition))) return undefined;
    return { buckets: followed.bucketsOf(rows), groups: followed.groups };
  }

  #asking(partition: number): Promise<void> {
    const asked =
      this.#asked.get(partition) ??
      this.#ask(partition).then(() => {
        this.#asked.delete(partition);
      });
    this.#asked.set(partition, asked);
    return asked;
  }

  async #ask(partition: number): Promise<void> {
    const nowMs = this.#options.clock.now();
    const due = [...this.#followed.values()].filter((each) => each.isDue(partition, nowMs));
    const owners = this.#owners;
    const reply = due.length === 0 ? undefined : await this.#replyOf(partition, due);
    for (const [i, followed] of due.entries()) {
      const answer = reply?.answers[i];
      if (reply === undefined || answer === undefined) continue;
      await withoutFaults(() => this.#accept(followed, partition, answer, reply, owners));
    }
  }

  /** What another node has stored of a partition need not reach as far as what was told. */
  #seeOwners(): OwnersSeen {
    for (const partition of this.#partitions()) {
      if (this.#owners.isSame(partition)) continue;
      for (const followed of this.#followed.values()) followed.moved(partition);
    }
    this.#owners = new OwnersSeen(this.#options.partitions);
    return this.#owners;
  }

  async #accept(
    followed: FollowedRollup,
    partition: number,
    answer: PartialsAnswer,
    { committedWatermarkMs }: PartialsReply,
    owners: OwnersSeen,
  ): Promise<void> {
    const span = followed.missing(partition, answer);
    const rows = span && (await this.#scan(followed.definition, partition, span));
    owners.check(partition);
    followed.accept(partition, answer, committedWatermarkMs, span, rows);
  }

  #replyOf(partition: number, due: readonly FollowedRollup[]): Promise<PartialsReply | undefined> {
    const asks = due.map((followed) => followed.ask(partition));
    const { partitions } = this.#options;
    return withoutFaults(() => partitions.partials(partition, { asks }, COLLECT_TIMEOUT_MS));
  }

  async #scan(
    { name, tenant = '', ...definition }: RollupDefinition,
    partition: number,
    span: StoredSpan,
  ): Promise<FeedRow[]> {
    const rows: FeedRow[] = [];
    const groups = layoutOf({ name, ...definition }).sketches.length + 1;
    for (let group = 0; group < groups; group++) {
      const scan = { partition, tenant, rollup: name, group, ...span };
      await this.#options.stored.scanRows(scan, (bucketMs, row) => {
        rows.push({ bucketMs, group, bytes: Uint8Array.from(row) });
      });
    }
    return rows.sort((a, b) => a.bucketMs - b.bucketMs || a.group - b.group);
  }

  #partitions(): number[] {
    return Array.from({ length: this.#options.partitions.partitions }, (_, partition) => partition);
  }
}

/** What a partition or the store cannot do now is asked for again; a bug must show. */
async function withoutFaults<T>(act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return undefined;
  }
}
