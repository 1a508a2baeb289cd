/** The server looks at itself: at every tick it reads what its threads report, and its own alarm rules are judged on that. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { knownFreeBytes } from '../storage/free-bytes.ts';
import { damagedEndsIn } from '../storage/log/damaged-end.ts';
import { logEnds, logUsedBytes, sharedRefusal } from '../storage/log/log-shared.ts';
import { attachSpoolShared, readSpool } from '../storage/spool/spool-shared.ts';
import { ServerSampler } from './alarm/server-samples.ts';
import type { AlarmNumbers } from './alarm-side.ts';
import type { Foundation } from './foundation.ts';
import type { EdgeCounts } from './ingest/counters.ts';
import { topicReading } from './log-needs.ts';
import type { ReceiverView } from './model/alarm-board.ts';
import { type Clock, systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import {
  SERVER_RULE_PREFIX,
  SERVER_TICK_MS,
  type ServerReading,
  type ServerSample,
} from './model/server-alarms.ts';
import { lagMsOf, type SourceView } from './model/source-view.ts';
import type { SpoolView } from './model/spool-view.ts';

/** Who does not answer is left out, or undefined: what it would have said stands as it was. */
export interface ServerSources {
  partitions(): Promise<ServerReading['partitions']>;
  /** Of all edges. */
  edges(): Promise<readonly EdgeCounts[] | undefined>;
  log(): ServerReading['log'];
  spool?(): ServerReading['spool'];
  diskFreeBytes(): Promise<number | undefined>;
  actors(): Promise<readonly ActorSnapshot[]>;
  /** Lines of the tenant's ledger of the last hours that do not add up. */
  unbalancedLines(tenant: string, nowMs: number): Promise<number>;
  board(): Promise<AlarmNumbers | undefined>;
  receivers(tenant: string): Promise<readonly ReceiverView[]>;
  archive(): ServerReading['archive'];
  checkpoints?(): ServerReading['checkpoints'];
  /** Topics of other programs. */
  sources?(): Promise<readonly SourceView[]>;
  /** Labels of those of a rule's alarms that are not ok; undefined: the board does not answer. */
  alarmed?(rule: string): Promise<readonly string[] | undefined>;
}

/** Ends with what it answers. Does nothing if the configuration does not want it. */
export function watchServer(
  base: Foundation,
  sources: Omit<ServerSources, 'log' | 'spool' | 'diskFreeBytes'>,
  publish: ServerAlarmsOptions['publish'],
): () => void {
  const { config, shared, logger, spool } = base;
  if (!config.alarms.server.isEnabled) return () => {};
  const { tenant } = config.alarms.server;
  const keyed = config.keys.map((key) => key.tenant);
  const told = config.alarms.receivers.map((receiver) => receiver.tenant);
  return startServerAlarms({
    sources: {
      ...sources,
      log: () => ({
        ends: logEnds(shared),
        isRefusing: sharedRefusal(shared) !== undefined,
        ...(base.source.type === 'journal'
          ? {
              usedShare: logUsedBytes(shared) / config.journal.bytesMax,
              damagedEnds: damagedEndsIn(base.source.dir).length,
            }
          : topicReading(base, base.progress)),
      }),
      spool: () => spoolReading(spool && readSpool(attachSpoolShared(spool.numbers))),
      diskFreeBytes: () => knownFreeBytes(config.dataDir),
    },
    tenants: [...new Set([tenant, ...keyed, ...told])],
    sourceNames: config.sources.map(({ name }) => name),
    publish,
    clock: systemClock,
    log: logger.child({ component: 'server-alarms' }),
  });
}

const spoolReading = (view: SpoolView | undefined): ServerReading['spool'] =>
  view && {
    isSpooling: view.spooling !== undefined,
    usedShare: view.waiting.bytes / view.bytesMax,
    lostBytes: view.lostBytes,
  };

export interface ServerAlarmsOptions {
  readonly sources: ServerSources;
  /** Those of the configuration. One of them is looked at per tick, so that many cost no more than one. */
  readonly tenants: readonly string[];
  /** Of the configuration. */
  readonly sourceNames: readonly string[];
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
  readonly #sourceNames: ReadonlySet<string>;
  /** No alarm is of a source that the configuration has no more: none will be, as it stays what it is. */
  #isGoneOver = false;

  constructor({
    sources,
    tenants,
    sourceNames,
  }: Pick<ServerAlarmsOptions, 'sources' | 'tenants' | 'sourceNames'>) {
    this.#sources = sources;
    this.#tenants = tenants;
    this.#sourceNames = new Set(sourceNames);
  }

  async read(atMs: number): Promise<ServerReading> {
    const sources = this.#sources;
    const tenant = this.#tenants[this.#ticks++ % this.#tenants.length] ?? '';
    const [partitions, edges, diskFreeBytes, actors, board, views = [], gone] = await Promise.all([
      sources.partitions(),
      sources.edges(),
      sources.diskFreeBytes(),
      sources.actors(),
      sources.board(),
      sources.sources?.(),
      this.#goneSources(),
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
      spool: sources.spool?.(),
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
      checkpoints: sources.checkpoints?.(),
      sources: [
        ...views.map((view) => ({
          source: view.name,
          lagMs: Math.max(0, ...view.partitions.map((each) => lagMsOf(each, atMs))),
          hasProblem: view.problem !== undefined,
        })),
        ...gone.map((source) => ({ source, lagMs: 0, hasProblem: false })),
      ],
    };
  }

  /** Of what is gone nobody would ever say that it is well, and its alarm would stand until it is forgotten. */
  async #goneSources(): Promise<readonly string[]> {
    const { alarmed } = this.#sources;
    if (alarmed === undefined || this.#isGoneOver) return [];
    const found = await Promise.all(SOURCE_RULES.map((rule) => alarmed(rule)));
    const gone = new Set(found.flatMap((names = []) => names));
    for (const name of this.#sourceNames) gone.delete(name);
    this.#isGoneOver = gone.size === 0 && !found.includes(undefined);
    return [...gone];
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

/** Grouped by source. */
const SOURCE_RULES = ['source-lag', 'source-problem'].map((rule) => SERVER_RULE_PREFIX + rule);

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);
