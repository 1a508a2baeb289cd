/** What of the archive's work is this node's in a cluster. It may change at any time. */
export interface Duties {
  /**
   * Undefined: another node has the partition. A number that is the same as before: it was here all the time, and nobody but its own thread
   * has written its rows.
   */
  takingOf(partition: number): number | undefined;
  /** Whether it does what one node does for all: hours are compacted, rewritten and removed, and writers dismissed. */
  isLeader(): boolean;
  /** Of all members. */
  lives(): readonly number[];
}
