/** The server looks at itself: at every tick it reads what its threads report, and its own alarm rules are judged on that. */
import { statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { durableEnd, journalStart, sharedRefusal } from '../storage/log/journal-shared.ts';
import { ServerSampler } from './alarm/server-samples.ts';
import type { AlarmNumbers } from './alarm-side.ts';
import type { Foundation } from './foundation.ts';
import type { EdgeCounts } from './ingest/counters.ts';
import type { ReceiverView } from './model/alarm-board.ts';
import { type Clock, systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { SERVER_TICK_MS, type ServerReading, type ServerSample } from './model/server-alarms.ts';
import type { PartitionMetrics } from './threads/protocol.ts';

/** Who does not answer is left out, or undefined: what it would have said stands as it was. */
export interface ServerSources {
  partitions(): Promise<readonly PartitionMetrics[]>;
  /** Of all edges. */
  edges(): Promise<readonly EdgeCounts[] | undefined>;
  log(): ServerReading['log'];
  diskFreeBytes(): Promise<number | undefined>;
  actors(): Promise<readonly ActorSnapshot[]>;
  /** Lines of the tenant's ledger of the last hours that do not add up. */
  unbalancedLines(tenant: string, nowMs: number): Promise<number>;
  board(): Promise<AlarmNumbers | undefined>;
  receivers(tenant: string): Promise<readonly ReceiverView[]>;
  archive(): ServerReading['archive'];
}

/** Ends with what it answers. Does nothing if the configuration does not want it. */
export function watchServer(
  { config, shared, logger }: Foundation,
  sources: Omit<ServerSources, 'log' | 'diskFreeBytes'>,
  publish: ServerAlarmsOptions['publish'],
): () => void {
  if (!config.alarms.server.isEnabled) return () => {};
  const { tenant } = config.alarms.server;
  const keyed = config.keys.map((key) => key.tenant);
  const told = config.alarms.receivers.map((receiver) => receiver.tenant);
  return startServerAlarms({
    sources: {
      ...sources,
      log: () => {
        const durableOffset = durableEnd(shared) ?? 0;
        return {
          durableOffset,
          usedBytes: durableOffset - journalStart(shared),
          bytesMax: config.journal.bytesMax,
          isRefusing: sharedRefusal(shared) !== undefined,
        };
      },
      diskFreeBytes: () => freeBytes(config.dataDir),
    },
    tenants: [...new Set([tenant, ...keyed, ...told])],
    publish,
    clock: systemClock,
    log: logger.child({ component: 'server-alarms' }),
  });
}

/** Undefined: the file system does not say. */
async function freeBytes(path: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}

export interface ServerAlarmsOptions {
  readonly sources: ServerSources;
  /** Those of the configuration. One of them is looked at per tick, so that many cost no more than one. */
  readonly tenants: readonly string[];
  /** Told at the ticks, which are multiples of `SERVER_TICK_MS`. */
  readonly publish: (atMs: number, samples: readonly ServerSample[]) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers what ends it. */
export function startServerAlarms(options: ServerAlarmsOptions): () => void {
  const { clock, publish, log } = options;
  const reader = new ServerReader(options);
  const sampler = new ServerSampler();
  const end = new AbortController();
  const run = async () => {
    while (!end.signal.aborted) {
      const nowMs = clock.now();
      const nextMs = (Math.floor(nowMs / SERVER_TICK_MS) + 1) * SERVER_TICK_MS;
      await sleep(nextMs - nowMs, undefined, { signal: end.signal, ref: false });
      // A timer may be early by a fraction, or late by a pause of the thread.
      const atMs = Math.round(clock.now() / SERVER_TICK_MS) * SERVER_TICK_MS;
      try {
        publish(atMs, sampler.samplesOf(await reader.read(atMs)));
      } catch (error) {
        log.warn({ err: error }, 'the server could not look at itself');
      }
    }
  };
  run().catch((error: unknown) => {
    if (!end.signal.aborted) log.error({ err: error }, "the server's own alarms have ended");
  });
  return () => end.abort();
}

/** Reads everything at once; who does not answer costs only what it would have said. */
export class ServerReader {
  readonly #sources: ServerSources;
  readonly #tenants: readonly string[];
  #ticks = 0;
  /** By tenant, as they were found last. */
  readonly #unbalanced = new Map<string, number>();
  readonly #receivers = new Map<string, ServerReading['receivers']>();

  constructor({ sources, tenants }: Pick<ServerAlarmsOptions, 'sources' | 'tenants'>) {
    this.#sources = sources;
    this.#tenants = tenants;
  }

  async read(atMs: number): Promise<ServerReading> {
    const sources = this.#sources;
    const tenant = this.#tenants[this.#ticks++ % this.#tenants.length] ?? '';
    const [partitions, edges, diskFreeBytes, actors, board] = await Promise.all([
      sources.partitions(),
      sources.edges(),
      sources.diskFreeBytes(),
      sources.actors(),
      sources.board(),
      this.#lookAt(tenant, atMs),
    ]);
    return {
      atMs,
      partitions,
      events: edges && {
        accepted: sum(edges.map(({ eventsAccepted }) => eventsAccepted)),
        rejected: sum(edges.flatMap(({ eventsRejected }) => Object.values(eventsRejected))),
      },
      log: sources.log(),
      diskFreeBytes,
      actors: actors.map(({ path, state, restarts }) => ({
        path,
        hasFailed: state === 'failed',
        restarts,
      })),
      unbalancedLines: sum([...this.#unbalanced.values()]),
      receivers: [...this.#receivers.values()].flat(),
      board: board && { lagMs: board.lagMs, deadDeliveries: board.outcomes['dead'] ?? 0 },
      archive: sources.archive(),
    };
  }

  async #lookAt(tenant: string, atMs: number): Promise<void> {
    try {
      this.#unbalanced.set(tenant, await this.#sources.unbalancedLines(tenant, atMs));
      const views = await this.#sources.receivers(tenant);
      this.#receivers.set(
        tenant,
        views.map(({ receiver, disabled }) => ({
          receiver: `${tenant}/${receiver.name}`,
          isGone: disabled?.reason === 'gone',
        })),
      );
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
