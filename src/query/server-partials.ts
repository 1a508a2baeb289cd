/**
 * The server's samples as rows of the rollups that its own rules are compiled to, and both kinds of rows behind one port:
 * whoever follows them does not know which are counted by partitions and which are sampled here.
 */
import { BucketFold } from '../aggregate/bucket-fold.ts';
import { encodeRow } from '../aggregate/bucket-row.ts';
import { layoutOf } from '../aggregate/layout.ts';
import type {
  GroupLabels,
  PartialBucket,
  PartialHistory,
  Partials,
  RollupTicks,
} from '../model/partials.ts';
import type { RollupDefinition } from '../model/rollup.ts';
import { SERVER_STREAM, SERVER_TICK_MS, type ServerSample } from '../model/server-alarms.ts';
import { SERVER_TICKS_WAITING_MAX } from './limits.ts';

interface Followed {
  readonly rollup: RollupDefinition;
  readonly ids: Map<string, number>;
  readonly groups: GroupLabels[];
  waiting: PartialBucket[];
  toldToMs: number;
}

export class ServerPartials implements Partials {
  readonly #events: Partials;
  readonly #followed = new Map<string, Followed>();
  /** Buckets before it were not sampled by this process. */
  readonly #sinceMs: number;
  #closedToMs: number;

  /** `events`: where the rollups of all other streams are followed. */
  constructor(events: Partials, nowMs: number) {
    this.#events = events;
    this.#sinceMs = Math.ceil(nowMs / SERVER_TICK_MS) * SERVER_TICK_MS;
    this.#closedToMs = this.#sinceMs;
  }

  /** Closes the tick that ends at `atMs`. One that does not follow the last one is left out: the clock was set back. */
  publish(atMs: number, samples: readonly ServerSample[]): void {
    if (atMs % SERVER_TICK_MS !== 0 || atMs <= this.#closedToMs) return;
    this.#closedToMs = atMs;
    for (const followed of this.#followed.values()) {
      const bucket = bucketOf(followed, atMs - SERVER_TICK_MS, samples);
      if (bucket !== undefined) followed.waiting.push(bucket);
      if (followed.waiting.length > SERVER_TICKS_WAITING_MAX) followed.waiting.shift();
    }
  }

  follow(rollup: RollupDefinition, fromMs?: number): void {
    if (rollup.stream !== SERVER_STREAM) {
      this.#events.follow(rollup, fromMs);
      return;
    }
    // What it is asked for from before this process was sampled by none.
    const toldToMs = Math.min(fromMs ?? this.#sinceMs, this.#sinceMs);
    const followed = { rollup, ids: new Map(), groups: [], waiting: [], toldToMs };
    this.#followed.set(rollup.name, followed);
  }

  release(rollup: string, fromMs: number): void {
    if (!this.#followed.has(rollup)) this.#events.release(rollup, fromMs);
  }

  forget(rollup: string): void {
    if (!this.#followed.delete(rollup)) this.#events.forget(rollup);
  }

  async poll(): Promise<readonly RollupTicks[]> {
    const ticks = await this.#events.poll();
    const own = Array.from(this.#followed.values(), (followed) => this.#ticksOf(followed));
    return [...ticks, ...own.filter((each) => each !== undefined)];
  }

  async history(
    rollup: string,
    stepMs: number,
    fromMs: number,
    toMs: number,
  ): Promise<PartialHistory | undefined> {
    const followed = this.#followed.get(rollup);
    // None of the server's rules compares with what is long past.
    if (followed !== undefined) return { buckets: [], groups: followed.groups };
    return this.#events.history(rollup, stepMs, fromMs, toMs);
  }

  #ticksOf(followed: Followed): RollupTicks | undefined {
    const { rollup, groups, waiting, toldToMs } = followed;
    if (this.#closedToMs <= toldToMs) return undefined;
    followed.waiting = [];
    followed.toldToMs = this.#closedToMs;
    return {
      rollup,
      sinceMs: this.#sinceMs,
      fromMs: toldToMs,
      closedToMs: this.#closedToMs,
      buckets: waiting,
      groups,
    };
  }
}

/** Undefined: none of the samples is for this rollup. */
function bucketOf(
  { rollup, ids, groups }: Followed,
  bucketMs: number,
  samples: readonly ServerSample[],
): PartialBucket | undefined {
  const fold = new BucketFold(layoutOf(rollup));
  const [scalars] = fold.scalars;
  for (const { field, labels, value } of samples) {
    if (scalars === undefined || field !== scalars.field.field) continue;
    const slot = fold.slotOf(groupOf(labels));
    fold.counts[slot] = 1;
    scalars.n[slot] = 1;
    if (scalars.field.sum) scalars.sum[slot] = value;
    if (scalars.field.min) scalars.min[slot] = value;
    if (scalars.field.max) scalars.max[slot] = value;
  }
  const bytes = encodeRow(fold, 0);
  if (bytes === undefined) return undefined;
  const outputOf = Int32Array.from(groups, (_, group) => group);
  return { bucketMs, rows: [{ partition: 0, group: 0, bytes, outputOf }] };

  function groupOf(labels: readonly string[]): number {
    const key = JSON.stringify(labels);
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, groups.length);
    return groups.push(labels) - 1;
  }
}
