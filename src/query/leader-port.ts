/** Who leads the cluster, as one of its nodes knows it: the leader alone has the alarm board and tells people. */

export interface LeaderPort {
  /** This node has the lead, and its board has begun. */
  readonly isLeader: boolean;
  /** Where the leader's query listener is; undefined: nobody leads just now, as far as this node knows. */
  readonly leaderUrl: string | undefined;
  /** The secret that the nodes of the cluster have in common. */
  readonly key: string;
}
