/** What every node knows of the cluster: who is in it, and which node has which partition. */

/** A member, as it tells of itself, and what it was given. */
export interface ClusterNode {
  /** Its own also after a restart; no other member has the same. */
  readonly name: string;
  /** Of its query listener: an origin, such as `http://node-1:8081`. */
  readonly url: string;
  /** Of its process, claimed in the archive: later ones are greater. Two processes never share one. */
  readonly life: number;
  /** Of the program. */
  readonly version: string;
  /** Of the settings that should be the same on all nodes. */
  readonly configDigest: string;
  /** Of the whole log. Undefined: it is of a version that does not say. */
  readonly partitionCount?: number | undefined;
  /** Id of the archive that it writes. */
  readonly archive: string;
  /** That it has the cluster's secret. */
  readonly proof: string;
  /** Ascending. */
  readonly partitions: readonly number[];
}

/**
 * How the partitions are shared out, the same on all nodes that know this generation. A node that was stopped may hold an old one
 * for the truth: what must happen once is fenced in the archive, never by a view.
 */
export interface ClusterView {
  /** Newer ones are greater while any node is a member; it may begin anew after all have left. */
  readonly generation: number;
  /** By name, this node among them. Each partition is with exactly one. */
  readonly nodes: readonly ClusterNode[];
  /** The partitions of this node, ascending. */
  readonly mine: readonly number[];
  /** Who has partition 0: it has the duties that only one node has. */
  readonly leader: ClusterNode;
}
