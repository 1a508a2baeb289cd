/** The nodes over one topic, as one of them sees them, for operators. */

export interface ClusterNodeStatus {
  readonly name: string;
  /** Where the others reach its query listener. */
  readonly url: string;
  readonly life: number;
  /** Ascending. */
  readonly partitions: readonly number[];
  /** It has told nothing for longer than a healthy node takes. */
  readonly isAway: boolean;
  /** Why it is away, or what keeps it from doing its part, as it says. */
  readonly problem: string | undefined;
}

export interface ClusterPartitionStatus {
  readonly partition: number;
  /** Undefined: nobody has it just now. */
  readonly node: string | undefined;
  readonly applied: number;
  readonly end: number;
  /** Why its events are not counted just now, or what is being done before they are. */
  readonly problem: string | undefined;
}

export interface ClusterStatus {
  /** Who says this. */
  readonly node: string;
  /** Of the assignment of partitions: greater with each change of members. */
  readonly generation: number;
  /** False: it has been without the group for longer than a session, and others may have its partitions. */
  readonly isMember: boolean;
  /** Who tells people of alarms, and compacts the archive. Undefined: nobody has the lead just now. */
  readonly leader: string | undefined;
  /** By name. */
  readonly nodes: readonly ClusterNodeStatus[];
  /** All, in their order. */
  readonly partitions: readonly ClusterPartitionStatus[];
  readonly problem: string | undefined;
  /** What people should know although all is well, as during a restart one by one with other settings. */
  readonly notice: string | undefined;
}

export interface ClusterPort {
  status(): ClusterStatus;
}
