/** What a node says to operators of its cluster: by the group, by what the others tell, and by what is here. */
import { type LogShared, newestEnd } from '../../storage/log/log-shared.ts';
import type { ClusterStatus } from '../query/cluster-port.ts';
import type { Standing } from './membership.ts';
import type { PeerView } from './remote-partitions.ts';
import type { ClusterNode } from './view.ts';

/** Nodes that are named in one sentence. */
const NAMED_MAX = 4;

export interface StatusParts {
  readonly self: string;
  /** Undefined before this node has begun to join. */
  readonly standing: Standing | undefined;
  /** This node leads, and its duties have begun. */
  readonly isLeading: boolean;
  /** Why it does not, although it should. */
  readonly leadProblem: string | undefined;
  /** What keeps this node from doing its part. */
  readonly problems: readonly string[];
  /** The same of one partition that it was given. */
  readonly problemOf: (partition: number) => string | undefined;
  readonly peers: readonly PeerView[];
  readonly shared: LogShared;
}

export function clusterStatus(parts: StatusParts): ClusterStatus {
  const { self, standing, isLeading, leadProblem, problems, problemOf, shared } = parts;
  const { view, isMember = false, problem } = standing ?? {};
  const nodes = view?.nodes ?? [];
  const peers = new Map(parts.peers.map((peer) => [peer.name, peer]));
  const owners = new Map(nodes.flatMap((node) => node.partitions.map((each) => [each, node.name])));
  const isLed = view?.leader.name !== self || isLeading;
  return {
    node: self,
    generation: view?.generation ?? 0,
    isMember,
    leader: isLed ? view?.leader.name : undefined,
    problem: problem ?? leadProblem,
    notice: otherSettings(self, nodes),
    nodes: nodes.map(({ name, url, life, partitions }) => {
      const peer = peers.get(name);
      const said = name === self ? problems : (peer?.problems ?? []);
      const why = peer?.problem ?? (said.length === 0 ? undefined : said.join('; '));
      return {
        ...{ name, url, life, partitions, problem: why },
        isAway: name !== self && peer?.problem !== undefined,
      };
    }),
    partitions: Array.from(shared.applied, (applied, partition) => {
      const node = owners.get(partition);
      const away = node === undefined ? undefined : peers.get(node)?.problem;
      return {
        ...{ partition, node, applied, end: newestEnd(shared, partition) },
        problem: node === self ? problemOf(partition) : away,
      };
    }),
  };
}

function otherSettings(self: string, nodes: readonly ClusterNode[]): string | undefined {
  const own = nodes.find(({ name }) => name === self)?.configDigest;
  const others = nodes.filter((node) => node.configDigest !== own).map(({ name }) => name);
  if (others.length === 0) return undefined;
  const named = others.slice(0, NAMED_MAX).join(', ');
  return `rollups, alarms, keys, limits or what is kept for how long are configured in another way on ${named}`;
}
