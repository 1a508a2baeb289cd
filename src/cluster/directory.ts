/** Where the nodes are and who has which partition, as the node channel needs it: of the membership, or of a test. */

/** A member, as the others reach it. */
export interface NodeAt {
  readonly name: string;
  /** Of its query listener: an origin, without a slash at its end. */
  readonly url: string;
  /** Of its process: another one means that it was started again. */
  readonly life: number;
  /** Ascending. */
  readonly partitions: readonly number[];
}

export interface NodeDirectory {
  /** The name of this node. */
  readonly self: string;
  /** All members, this node among them; none before it has joined. Each partition is with one at most. */
  readonly nodes: readonly NodeAt[];
  /** Calls back after each change of `nodes`; answers what ends that. */
  listen(changed: () => void): () => void;
}
