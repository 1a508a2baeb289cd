/** How the nodes of a cluster share the partitions of their log: by `assign`, and everybody is told what all were given. */
import type { GroupSharing, Subscriber } from '../../storage/kafka/group-sharing.ts';
import { assign } from './assignment.ts';
import { NODES_MAX } from './limits.ts';
import { decodeTold, encodeNodes } from './member-data.ts';

export interface SharedTopic {
  readonly topic: string;
  readonly partitions: number;
  /** What this node tells of itself. */
  readonly userData: Uint8Array;
}

export const partitionSharing = ({ topic, partitions, userData }: SharedTopic): GroupSharing => ({
  // Nodes that tell or share in another way must have another one.
  protocol: 'streamgauge-cluster-1',
  userData,
  share: (members) => {
    const candidates = candidatesIn(members);
    const assigned = assign(candidates, partitions);
    const nodes = candidates.map(({ name, node }) => ({
      ...node,
      partitions: assigned.get(name) ?? [],
    }));
    const told = encodeNodes(nodes);
    return new Map(
      members.map(({ id, name }) => {
        const own = new Map([[topic, assigned.get(name) ?? []]]);
        return [id, { partitions: own, userData: told }];
      }),
    );
  },
});

/** By name. Of more than there can be those that have been there the longest. */
const candidatesIn = (members: readonly Subscriber[]) =>
  members
    .flatMap(({ name, userData }) => {
      const told = decodeTold(userData);
      return told === undefined ? [] : [{ ...told, name }];
    })
    .sort((a, b) => a.node.life - b.node.life)
    .slice(0, NODES_MAX)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
