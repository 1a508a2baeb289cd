/** Which streams a tenant has had events in: asked once, or told of as there are more. */
import { OTHER_STREAMS } from '../../actors/partition/ledger.ts';
import type { Clock } from '../model/clock.ts';
import { AppError, undefinedIfFault } from '../model/errors.ts';
import { EPOCH_MS_MAX, HOUR_MS } from '../model/units.ts';
import {
  COLLECT_TIMEOUT_MS,
  STREAM_SUBSCRIBERS_MAX,
  STREAM_SUBSCRIBERS_PER_TENANT_MAX,
  STREAMS_EVERY_MS,
  STREAMS_MAX,
} from './limits.ts';
import type { Scheduler } from './live-query.ts';
import type { PartitionClient } from './ports.ts';
import { pullIterator } from './pull-iterator.ts';
import { floorTo } from './time.ts';

/** By name, at most `STREAMS_MAX`. Rejects if a partition does not answer: others would look as if they were all. */
export async function streamNames(
  tenant: string,
  partitions: PartitionClient,
): Promise<readonly string[]> {
  return inOrder(new Set((await Promise.all(namesByPartition(tenant, partitions, 0))).flat()));
}

export interface StreamUpdatesOptions {
  readonly partitions: PartitionClient;
  readonly scheduler: Scheduler;
  readonly clock: Clock;
}

export class StreamUpdates {
  readonly #options: StreamUpdatesOptions;
  /** By subscriber: what ends it. */
  readonly #subscribers = new Map<() => void, string>();

  constructor(options: StreamUpdatesOptions) {
    this.#options = options;
  }

  get subscribers(): number {
    return this.#subscribers.size;
  }

  /** All of them at once, then all of them whenever there is one more. Throws `query_overload` if a bound is reached. */
  subscribe(tenant: string): AsyncIterableIterator<readonly string[]> {
    this.#checkRoom(tenant);
    const { partitions } = this.#options;
    const known = new Known(tenant, this.#options);
    let hasEnded = false;
    let moved = Promise.withResolvers<void>();
    const unlisten = partitions.onApplied(() => moved.resolve());
    const end = () => {
      hasEnded = true;
      unlisten();
      this.#subscribers.delete(end);
      moved.resolve();
    };
    this.#subscribers.set(end, tenant);
    const pull = async () => {
      while (!hasEnded) {
        if (known.isComplete) await moved.promise;
        if (known.hasLooked) await this.#rest();
        moved = Promise.withResolvers();
        if (!hasEnded && (await known.look())) return known.names;
      }
      return undefined;
    };
    return pullIterator(pull, end);
  }

  /** Ends every subscription. */
  close(): void {
    for (const end of [...this.#subscribers.keys()]) end();
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => this.#options.scheduler.after(STREAMS_EVERY_MS, resolve));
  }

  #checkRoom(tenant: string): void {
    const own = [...this.#subscribers.values()].filter((each) => each === tenant).length;
    const all = this.#subscribers.size;
    if (own < STREAM_SUBSCRIBERS_PER_TENANT_MAX && all < STREAM_SUBSCRIBERS_MAX) return;
    throw new AppError(
      'query_overload',
      `${all} subscriptions to streams are open, ${own} of them of this tenant; there may be ${STREAM_SUBSCRIBERS_MAX}, ${STREAM_SUBSCRIBERS_PER_TENANT_MAX} of a tenant: end some, or try again later`,
    );
  }
}

/** What one subscriber was told. */
class Known {
  readonly #tenant: string;
  readonly #options: StreamUpdatesOptions;
  readonly #names = new Set<string>();
  /** Arrival from which there may be more. Once all partitions have told what they had, only new lines of the ledger are of interest. */
  #fromMs = 0;
  hasLooked = false;
  /** All partitions have answered the last look. */
  isComplete = false;

  constructor(tenant: string, options: StreamUpdatesOptions) {
    this.#tenant = tenant;
    this.#options = options;
  }

  get names(): readonly string[] {
    return inOrder(this.#names);
  }

  /** Answers whether there is something to tell: the first time, and when there are more. */
  async look(): Promise<boolean> {
    const { partitions, clock } = this.#options;
    const before = this.hasLooked ? this.#names.size : -1;
    const nowMs = clock.now();
    const found = await Promise.all(
      namesByPartition(this.#tenant, partitions, this.#fromMs).map((names) =>
        names.catch(undefinedIfFault),
      ),
    );
    this.hasLooked = true;
    this.isComplete = found.every((names) => names !== undefined);
    // Clocks of partitions may be behind by an hour.
    if (this.isComplete) this.#fromMs = floorTo(nowMs, HOUR_MS) - HOUR_MS;
    for (const name of found.flatMap((names) => names ?? [])) {
      if (this.#names.size < STREAMS_MAX) this.#names.add(name);
    }
    return this.#names.size > before;
  }
}

const namesByPartition = (
  tenant: string,
  partitions: PartitionClient,
  fromMs: number,
): Promise<string[]>[] =>
  Array.from({ length: partitions.partitions }, async (_, partition) => {
    const request = { tenant, fromMs, toMs: EPOCH_MS_MAX };
    const { entries } = await partitions.ledger(partition, request, COLLECT_TIMEOUT_MS);
    const names = new Set(entries.map(({ stream }) => stream));
    names.delete(OTHER_STREAMS);
    return [...names];
  });

const inOrder = (names: ReadonlySet<string>): readonly string[] =>
  [...names].sort().slice(0, STREAMS_MAX);
