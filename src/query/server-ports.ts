/** The query side's ports on this server's own threads, log and state. */
import type { ActorSnapshot } from '../../actors/runtime.ts';
import { countBacklog } from '../../storage/log/backlog.ts';
import { durableEnd, type JournalShared } from '../../storage/log/journal-shared.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { type Offset, offset } from '../model/units.ts';
import { AppliedSignal } from './applied-signal.ts';
import { COLLECT_TIMEOUT_MS } from './limits.ts';
import { systemScheduler } from './live-query.ts';
import type {
  CollectReply,
  CollectRequest,
  LedgerReply,
  LedgerRequest,
  PartitionClient,
} from './ports.ts';
import { readDeadLetters } from './stored-letters.ts';
import type { PartitionView, SystemPort } from './system.ts';

/** Requests to the partition threads, matched with their answers. */
export interface PartitionAsker {
  ask(
    name: 'collect',
    ask: { partition: number; request: CollectRequest },
    timeoutMs: number,
  ): Promise<CollectReply>;
  ask(
    name: 'ledger',
    ask: { partition: number; request: LedgerRequest },
    timeoutMs: number,
  ): Promise<LedgerReply>;
  askAll(name: 'actors', timeoutMs: number): Promise<readonly (readonly ActorSnapshot[])[]>;
  askAll(name: 'metrics', timeoutMs: number): Promise<readonly (readonly PartitionView[])[]>;
}

export interface ServerPortsOptions {
  readonly asker: PartitionAsker;
  readonly shared: JournalShared;
  readonly journalDir: string;
  readonly state: StateReader;
  /** Resolves when an applied offset has moved since the call. */
  readonly progressMoved: () => Promise<void>;
}

export interface ServerPorts {
  readonly partitions: PartitionClient;
  readonly system: SystemPort;
}

export function createServerPorts(options: ServerPortsOptions): ServerPorts {
  const { asker, shared, journalDir, state, progressMoved } = options;
  const signal = new AppliedSignal(progressMoved, systemScheduler);
  /** What was in the log before its writer opened it is in no `partitionEnds`; it lies before this. */
  let openedEnd: number | undefined;
  const partitions: PartitionClient = {
    partitions: shared.partitions,
    collect: (partition, request, timeoutMs) =>
      asker.ask('collect', { partition, request }, timeoutMs),
    ledger: (partition, request, timeoutMs) =>
      asker.ask('ledger', { partition, request }, timeoutMs),
    appliedOffset: (partition) => shared.applied[partition] as number,
    endOffset(partition) {
      openedEnd ??= durableEnd(shared);
      return Math.max(shared.partitionEnds[partition] as number, openedEnd ?? 0);
    },
    onApplied: (listener) => signal.listen(listener),
  };
  const system: SystemPort = {
    // Paths are unique in their thread only.
    actors: async () =>
      (await asker.askAll('actors', COLLECT_TIMEOUT_MS)).flatMap((actors, thread) =>
        actors.map((actor) => ({ ...actor, path: `partitions/${thread}/${actor.path}` })),
      ),
    partitions: async () =>
      (await asker.askAll('metrics', COLLECT_TIMEOUT_MS))
        .flat()
        .sort((a, b) => a.partition - b.partition),
    deadLetters: (query) =>
      readDeadLetters(state, shared.partitions, durableEnd(shared) ?? 0, query),
    async pendingEvents(tenant, stream, from) {
      const applied = new Map<number, Offset>();
      for (const [partition, at] of from) applied.set(partition, offset(at));
      const { entries } = await countBacklog(journalDir, shared, applied);
      return entries
        .filter((entry) => entry.tenant === tenant && entry.stream === stream)
        .reduce((sum, { received }) => sum + received, 0);
    },
  };
  return { partitions, system };
}
