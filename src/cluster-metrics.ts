/** Metrics of a node about its cluster. */
import type { Registry } from 'prom-client';
import { plainNumbers } from './plain-metrics.ts';
import type { ClusterStatus } from './query/cluster-port.ts';

interface ClusterNumbers {
  readonly isMember: boolean;
  readonly isLeader: boolean;
  readonly generation: number;
  readonly nodes: number;
  readonly nodesAway: number;
  readonly partitions: number;
  readonly partitionsOut: number;
}

export function clusterMetrics(registry: Registry): (status: ClusterStatus) => void {
  const numbers = plainNumbers<ClusterNumbers>(registry, {
    isMember: ['gauge', 'cluster_member', '1 while this node is a member of the cluster.'],
    isLeader: ['gauge', 'cluster_leader', '1 while this node leads.'],
    generation: ['gauge', 'cluster_generation', 'Of the assignment of partitions.'],
    nodes: ['gauge', 'cluster_nodes', 'Members, as this node knows them.'],
    nodesAway: ['gauge', 'cluster_nodes_away', 'Of these, who does not answer this node.'],
    partitions: ['gauge', 'cluster_partitions', 'That were given to this node.'],
    partitionsOut: [
      'gauge',
      'cluster_partitions_out',
      'Of all nodes: not counted just now, as far as this one knows.',
    ],
  });
  return (status) => {
    const { node, generation, isMember, leader, nodes, partitions } = status;
    const own = {
      ...{ isMember, isLeader: leader === node, generation },
      nodes: nodes.length,
      nodesAway: nodes.filter(({ isAway }) => isAway).length,
      partitions: partitions.filter((each) => each.node === node).length,
      partitionsOut: partitions.filter((each) => each.node === undefined || each.problem).length,
    };
    numbers([own], () => ({}));
  };
}
