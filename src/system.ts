/** What operators ask about: actors, partitions, dead letters, events that wait. Put together from all threads. */
import type { ActorSnapshot } from '../actors/runtime.ts';
import { type Backlog, countBacklog, countTopicBacklog } from '../storage/log/backlog.ts';
import { createLogShared, type LogShared, publishEnd } from '../storage/log/log-shared.ts';
import { type LogSource, logReaders } from '../storage/log/source.ts';
import type { OpenState } from '../storage/state/rocksdb.ts';
import { AppError } from './model/errors.ts';
import type { SpoolView } from './model/spool-view.ts';
import { type Offset, offset } from './model/units.ts';
import { placeOf } from './query/dead-letter-order.ts';
import { newestLetters } from './query/letter-pages.ts';
import type { NodeSystem } from './query/system.ts';
import type { PartitionMetrics } from './threads/protocol.ts';

export interface SystemSources {
  readonly state: OpenState;
  readonly source: LogSource;
  readonly shared: LogShared;
  /** What is in front of the log, if anything is. */
  readonly spool?: SpoolSource | undefined;
  actors(): Promise<readonly ActorSnapshot[]>;
  partitions(): Promise<readonly PartitionMetrics[]>;
  /** Partitions whose rows are here, each with the number of its coming; undefined: all. */
  readonly here?: (() => ReadonlyMap<number, number>) | undefined;
}

export interface SpoolSource {
  readonly dir: string;
  readonly view: () => SpoolView | undefined;
}

/** Of this server, or of one node with what is here. */
export function createSystem(sources: SystemSources): NodeSystem {
  const { state, source, shared, spool } = sources;
  const all = Array.from({ length: shared.partitions }, (_, p) => p);
  const isOneOrder = shared.ends.length === 1;
  const here = sources.here ?? (() => new Map(all.map((partition) => [partition, 0])));
  const spooledEvents: NodeSystem['spooledEvents'] = async (tenant, stream) => {
    const { entries, complete } = await spooledBacklog(spool, shared.partitions);
    return { events: receivedOf(entries, tenant, stream), isComplete: complete };
  };
  return {
    actors: sources.actors,
    partitions: sources.partitions,
    deadLetters: (query) => newestLetters(state, all, isOneOrder, query),
    async deadLettersHere(query) {
      const before = here();
      const { letters } = await newestLetters(state, [...before.keys()], isOneOrder, query);
      // Of one that has gone meanwhile, rows of two times may have been read.
      const after = here();
      const stayed = (partition: number) => after.get(partition) === before.get(partition);
      const partitions = [...before.keys()].filter(stayed);
      return { letters: letters.filter(({ id }) => stayed(placeOf(id).partition)), partitions };
    },
    spooledEvents,
    async pendingEvents(tenant, stream, from) {
      const applied = new Map([...from].map(([partition, at]) => [partition, offset(at)]));
      const [logged, spooled] = await Promise.all([
        backlogOf(source, shared, applied),
        spooledEvents(tenant, stream),
      ]);
      return {
        events: receivedOf(logged.entries, tenant, stream) + spooled.events,
        isComplete: logged.complete && spooled.isComplete,
      };
    },
  };
}

const receivedOf = (entries: Backlog['entries'], tenant: string, stream: string): number =>
  entries
    .filter((entry) => entry.tenant === tenant && entry.stream === stream)
    .reduce((sum, { received }) => sum + received, 0);

async function backlogOf(
  source: LogSource,
  shared: LogShared,
  applied: ReadonlyMap<number, Offset>,
): Promise<Backlog> {
  if (source.type === 'journal') return countBacklog(source.dir, shared, applied);
  return countTopicBacklog(await logReaders(source, shared), shared, applied);
}

/** What is on its way from the spool into the log may be counted in both, or in none: it is not complete then. */
async function spooledBacklog(
  spool: SpoolSource | undefined,
  partitions: number,
): Promise<Pick<Backlog, 'entries' | 'complete'>> {
  const view = spool?.view();
  if (spool === undefined || view === undefined || view.end === view.from) {
    return { entries: [], complete: true };
  }
  const shared = createLogShared(partitions);
  publishEnd(shared, 0, offset(view.end));
  const from = Array.from({ length: partitions }, (_, p) => [p, offset(view.from)] as const);
  const isStill = () => spool.view()?.from === view.from;
  try {
    const { entries, complete } = await countBacklog(spool.dir, shared, new Map(from));
    return { entries, complete: complete && isStill() };
  } catch (error) {
    // Drained meanwhile, or damaged: whoever drains it tells of that.
    if (error instanceof AppError) return { entries: [], complete: false };
    throw error;
  }
}
