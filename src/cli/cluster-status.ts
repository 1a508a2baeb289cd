/** `streamgauge cluster status`: what one node knows of all of them, and how far each partition is. */
import type {
  ClusterNodeStatus,
  ClusterPartitionStatus,
  ClusterStatus,
} from '../query/cluster-port.ts';
import { askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** As JSON has it. */
type Sent<T> = {
  readonly [Key in keyof T]: Exclude<T[Key], undefined> | (undefined extends T[Key] ? null : never);
};
type Node = Omit<Sent<ClusterNodeStatus>, 'isAway'> & { readonly away: boolean };
type Partition = Sent<ClusterPartitionStatus>;

type Status = Omit<Sent<ClusterStatus>, 'isMember' | 'nodes' | 'partitions'> & {
  readonly member: boolean;
  readonly nodes: readonly Node[];
  readonly partitions: readonly Partition[];
};

const QUERY = `{ cluster { node generation member leader problem notice
  nodes { name url life partitions away problem }
  partitions { partition node applied end problem } } }`;

/** Fails if some partition has no node or a problem, or if the node that is asked is out: so that scripts can wait for it. */
export async function clusterStatus(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const { cluster } = await askServer(config, options).ask<{ cluster: Status | null }>(QUERY);
  if (options['json'] === true) {
    terminal.out(`${JSON.stringify(cluster, undefined, 2)}\n`);
    return cluster === null || isWell(cluster) ? EXIT.ok : EXIT.failed;
  }
  if (cluster === null) {
    terminal.out('the server is alone: cluster.enabled is not set\n');
    return EXIT.ok;
  }
  show(cluster, terminal);
  return isWell(cluster) ? EXIT.ok : EXIT.failed;
}

const isWell = ({ member, nodes, partitions, leader, problem }: Status): boolean =>
  member &&
  leader !== null &&
  problem === null &&
  nodes.every(({ away, problem: why }) => !away && why === null) &&
  partitions.every((each) => each.node !== null && each.problem === null);

function show(status: Status, terminal: Terminal): void {
  const { node, generation, leader, nodes, partitions, problem, notice, member } = status;
  const out = (line: string) => terminal.out(`${line}\n`);
  out(`as ${node} sees it, generation ${generation}; ${leader ?? 'nobody'} leads`);
  if (!member) out(`${node} is out of the group: others may have its partitions`);
  if (problem !== null) out(`${node}: ${problem}`);
  if (notice !== null) out(`${node}: ${notice}`);
  out('');
  const width = Math.max(...nodes.map(({ name }) => name.length), 4);
  for (const { name, url, life, away, partitions: had, problem: why } of nodes) {
    const state = away ? 'away' : 'here';
    const note = why === null ? '' : `  ${why}`;
    out(`${name.padEnd(width)}  ${state}  ${url}  life ${life}  ${rangesOf(had)}${note}`);
  }
  out('');
  for (const { partition, node: owner, applied, end, problem: why } of partitions) {
    const behind = Math.max(0, end - applied);
    const note = why === null ? '' : `  ${why}`;
    const where = (owner ?? '-').padEnd(width);
    out(
      `${String(partition).padStart(4)}  ${where}  ${applied} of ${end}, ${behind} behind${note}`,
    );
  }
}

/** `0-3 7`: of hundreds of partitions nobody reads a list. */
function rangesOf(partitions: readonly number[]): string {
  if (partitions.length === 0) return 'no partitions';
  const ranges: { from: number; to: number }[] = [];
  for (const partition of partitions) {
    const last = ranges.at(-1);
    if (last?.to === partition - 1) last.to = partition;
    else ranges.push({ from: partition, to: partition });
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}
