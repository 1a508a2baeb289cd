/** Erasures as those see them who ask for them. */
import type { Erasure } from '../model/erasure.ts';

export type { Erasure };

export interface ErasureView extends Erasure {
  /** Why it does not go on just now; undefined: nothing is wrong. */
  readonly problem: string | undefined;
  /** When files that were removed from the archive are gone, as far as is known; undefined: none were, or Hive has to be told first. */
  readonly goneByMs: number | undefined;
  /** When brokers have deleted what the topic held, at the latest; undefined: the log is a journal, or nobody knows. */
  readonly logGoneByMs: number | undefined;
  /** The topic that is the log may still hold the events, where no query finds them. */
  readonly isInTopic: boolean;
  /** False: no archive was looked through, because this data folder has never had one. */
  readonly hasArchive: boolean;
  /** Rollups, as they are declared, that keep the field's values as sketches: nothing can be taken out of these. */
  readonly sketches: readonly string[];
}

export interface ErasureWanted {
  readonly tenant: string;
  /** Undefined: all of the tenant's. */
  readonly stream: string | undefined;
  readonly field: string;
  readonly value: string;
}

export interface ErasurePort {
  /** Resolves when it survives a power cut. Rejects with `query_invalid`, `query_overload` if too many wait. */
  request(wanted: ErasureWanted): Promise<ErasureView>;
  find(tenant: string, id: string): Promise<ErasureView | undefined>;
  /** Newest first. */
  list(tenant: string, first: number): Promise<readonly ErasureView[]>;
}
