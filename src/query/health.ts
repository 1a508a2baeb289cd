/** How the server is, at one moment: what an operator looks at first. */
import type { ActorSnapshot } from '../../actors/runtime.ts';
import type { PartitionView } from './system.ts';

/** Counters count from the server's start. Null: who would know did not answer in time, or there is none. */
export interface Health {
  readonly atMs: number;
  /** What keeps it from being ready; empty: nothing. */
  readonly problems: readonly string[];
  readonly eventsAccepted: number | null;
  readonly eventsRejected: number | null;
  readonly logBytes: number;
  readonly logBytesMax: number | null;
  /** Why the log takes nothing just now. */
  readonly logRefusal: string | null;
  readonly spooling: string | null;
  readonly diskFreeBytes: number | null;
  readonly diskReserveBytes: number;
  readonly archiveProblem: string | null;
  readonly actors: readonly ActorSnapshot[] | null;
  readonly partitions: readonly PartitionView[] | null;
}

export interface HealthPort {
  /** Rejects only where something is wrong in the program. */
  read(): Promise<Health>;
}
