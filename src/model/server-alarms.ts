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
  /** Of what the log may keep, the part that is in use: of `journal.bytesMax`, or of a topic's retention. */
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
  /** How much longer than their interval a partition may be without a checkpoint of what it has committed. */
  readonly checkpointAgeMs: number;
  /** How long records of a foreign topic may wait to be read. */
  readonly sourceLagMs: number;
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
    /** Undefined of one that another node has. */
    readonly commits?: number;
    readonly commitMsTotal?: number;
  }[];
  /** Undefined: some edge has not answered. */
  readonly events: { readonly accepted: number; readonly rejected: number } | undefined;
  readonly log: {
    /** Where its sequences of offsets end: one over all partitions, or one of each. */
    readonly ends: readonly number[];
    /** Of what it may hold, the part that is in use; of a topic, what somebody still has to read. */
    readonly usedShare: number;
    /** Of a topic that keeps nothing for longer. */
    readonly keptMs?: number | undefined;
    /** Of a topic: what somebody still has to read begins here. */
    readonly neededFrom?: readonly LogPlace[];
    readonly isRefusing: boolean;
    /** Of a journal: copies of damaged ends that nobody has deleted yet. */
    readonly damagedEnds?: number;
  };
  /** Of what is in front of a log that is a topic; undefined: nothing is. */
  readonly spool?:
    | {
        readonly isSpooling: boolean;
        readonly usedShare: number;
        readonly lostBytes: number;
      }
    | undefined;
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
  /** Undefined: none are taken. */
  readonly checkpoints?: CheckpointReading | undefined;
  /** Topics of other programs. */
  readonly sources?: readonly {
    readonly source: string;
    /** Of the partition that is furthest behind. */
    readonly lagMs: number;
    /** Just now it cannot be read. */
    readonly hasProblem: boolean;
  }[];
}

export interface CheckpointReading {
  /** For how long, past their interval, a partition has been without a checkpoint of what it has committed. */
  readonly overdueMs: number;
  /** Another server has begun a later life over the log. */
  readonly isFenced: boolean;
}

export interface LogPlace {
  readonly partition: number;
  readonly offset: number;
}

export interface ArchiveReading {
  /** Of the log: where the first events lie that are not archived. */
  readonly waitsFrom: readonly LogPlace[];
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
