/** How the server is, read from all of its threads at one moment for whoever watches. */
import { knownFreeBytes } from '../storage/free-bytes.ts';
import { logUsedBytes, sharedRefusal } from '../storage/log/log-shared.ts';
import type { Foundation } from './foundation.ts';
import type { EdgeCounts } from './ingest/counters.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import { type SpoolView, spoolingInWords } from './model/spool-view.ts';
import type { HealthPort } from './query/health.ts';
import type { SystemPort } from './query/system.ts';

export interface HealthSources {
  readonly system: Pick<SystemPort, 'actors' | 'partitions'>;
  /** Of whatever takes events in; undefined: it did not answer. */
  edges(): Promise<readonly (EdgeCounts | undefined)[]>;
  /** What keeps the server from being ready. */
  problems(): readonly string[];
  archiveProblem(): string | undefined;
  readonly spool: (() => SpoolView | undefined) | undefined;
}

export function createHealth(
  { config, shared, source }: Foundation,
  of: HealthSources,
): HealthPort {
  return {
    async read() {
      const [edges, actors, partitions, diskFreeBytes] = await Promise.all([
        of.edges(),
        of.system.actors().catch(nullIfFault),
        of.system.partitions().catch(nullIfFault),
        knownFreeBytes(config.dataDir),
      ]);
      return {
        atMs: systemClock.now(),
        problems: of.problems(),
        eventsAccepted: sumOf(edges, ({ eventsAccepted }) => eventsAccepted),
        eventsRejected: sumOf(edges, ({ eventsRejected }) =>
          Object.values(eventsRejected).reduce((sum, events) => sum + events, 0),
        ),
        logBytes: logUsedBytes(shared),
        logBytesMax: source.type === 'journal' ? config.journal.bytesMax : null,
        logRefusal: sharedRefusal(shared) ?? null,
        spooling: spoolingInWords(of.spool?.()) ?? null,
        diskFreeBytes: diskFreeBytes ?? null,
        diskReserveBytes: config.journal.diskReserveBytes,
        archiveProblem: of.archiveProblem() ?? null,
        actors,
        partitions,
      };
    },
  };
}

/** Of some of them alone it would be a number that falls and rises. */
function sumOf(
  edges: readonly (EdgeCounts | undefined)[],
  count: (edge: EdgeCounts) => number,
): number | null {
  let sum = 0;
  for (const edge of edges) {
    if (edge === undefined) return null;
    sum += count(edge);
  }
  return sum;
}

/** Some thread did not answer in time. */
function nullIfFault(error: unknown): null {
  if (error instanceof AppError) return null;
  throw error;
}
