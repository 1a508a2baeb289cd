/** What the server knows of itself every few seconds, and when that is worth an alarm. */

/** The stream of the server's samples. Events cannot come into it: their streams' names have no dot. */
export const SERVER_STREAM = 'streamgauge.server';
/** In front of the names of its rules. */
export const SERVER_RULE_PREFIX = 'server-';
/** The server looks at itself this often, at multiples of it. */
export const SERVER_TICK_MS = 10_000;

export interface ServerThresholds {
  /** Whose alarms they are: its keys see them, its receivers are told. */
  readonly tenant: string;
  /** Durable events that a partition has not applied for so long. */
  readonly ingestLagMs: number;
  /** Of the events of a minute, the part that was refused. */
  readonly rejectedShare: number;
  /** Of `journal.bytesMax`, the part that is in use. */
  readonly logUsedShare: number;
  readonly diskFreeBytes: number;
  /** Of one partition's commits, the mean of a minute. */
  readonly commitMs: number;
  /** Of one actor in ten minutes: more than these. */
  readonly restarts: number;
  /** How far the alarms themselves are behind. */
  readonly boardLagMs: number;
  /** How long what is due to be archived may wait. */
  readonly archiveLagMs: number;
  /** How long Hive may lack what is in the archive. */
  readonly hiveLagMs: number;
}

export interface ServerAlarms extends ServerThresholds {
  readonly isEnabled: boolean;
}

/** What the threads report at one moment. Counters only grow while the process lives. */
export interface ServerReading {
  readonly atMs: number;
  /** Those that have answered. */
  readonly partitions: readonly {
    readonly partition: number;
    readonly appliedOffset: number;
    /** 0: everything that is durable is applied. */
    readonly lagBytes: number;
    readonly commits: number;
    readonly commitMsTotal: number;
  }[];
  /** Undefined: some edge has not answered. */
  readonly events: { readonly accepted: number; readonly rejected: number } | undefined;
  readonly log: {
    readonly durableOffset: number;
    readonly usedBytes: number;
    readonly bytesMax: number;
    readonly isRefusing: boolean;
  };
  /** Undefined: the file system does not say. */
  readonly diskFreeBytes: number | undefined;
  readonly actors: readonly {
    readonly path: string;
    readonly hasFailed: boolean;
    readonly restarts: number;
  }[];
  /** Lines of the ledger in which what arrived is not what became of it. */
  readonly unbalancedLines: number;
  readonly receivers: readonly {
    /** Tenant and name. */
    readonly receiver: string;
    /** It has answered 410. */
    readonly isGone: boolean;
  }[];
  /** Undefined: the alarm board has not answered. */
  readonly board:
    | {
        readonly lagMs: number;
        /** Messages that were given up, since the start. */
        readonly deadDeliveries: number;
      }
    | undefined;
  /** Undefined: the server keeps none. */
  readonly archive: ArchiveReading | undefined;
}

export interface ArchiveReading {
  /** Of the log: where the first event lies that is not archived. Undefined: none waits. */
  readonly waitsFrom: number | undefined;
  /** So long it may wait to be archived together with others. */
  readonly dueAfterMs: number;
  /** Just now nothing can be archived. */
  readonly hasProblem: boolean;
  /** Another server has claimed the archive. */
  readonly isFenced: boolean;
  /** Log that was deleted before it was archived. */
  readonly missedBytes: number;
  /** For how long Hive has lacked something. Undefined: no Hive is told, or not now. */
  readonly hiveBehindMs: number | undefined;
}

/** One number that a rule looks at, as if it came in an event of `SERVER_STREAM`. */
export interface ServerSample {
  readonly field: string;
  /** By `groupBy` of the rule. */
  readonly labels: readonly string[];
  readonly value: number;
}
