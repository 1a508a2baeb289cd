/** What nodes of a cluster say, held against what was acknowledged. Differences are sentences; none means equal. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../server.ts';
import type { ClusterNode } from './scene.ts';
import type { ClusterTruth } from './sender.ts';

export interface ClusterSeen {
  readonly node: string;
  readonly generation: number;
  readonly member: boolean;
  readonly leader: string | null;
  readonly problem: string | null;
  readonly nodes: readonly {
    readonly name: string;
    readonly partitions: readonly number[];
    readonly away: boolean;
    readonly problem: string | null;
  }[];
  readonly partitions: readonly PartitionSeen[];
}

export interface PartitionSeen {
  readonly partition: number;
  readonly node: string | null;
  readonly applied: number;
  readonly end: number;
  readonly problem: string | null;
}

const CLUSTER = `{ cluster { node generation member leader problem
  nodes { name partitions away problem } partitions { partition node applied end problem } } }`;

const COUNTS = `query ($from: Timestamp!, $to: Timestamp!) {
  timeseries(stream: "events", from: $from, to: $to, step: "1d", groupBy: ["type"], limit: 10000
    measures: [{op: count}]) { missingPartitions series { labels { value } points { values { value } } } }
}`;

interface Counted {
  readonly timeseries: {
    readonly missingPartitions: readonly number[];
    readonly series: readonly {
      readonly labels: readonly { readonly value: string }[];
      readonly points: readonly { readonly values: readonly { readonly value: number | null }[] }[];
    }[];
  };
}

const DAY_MS = 86_400_000;
const POLL_MS = 100;
const ANSWER_MS_MAX = 1_000;

export async function seenBy(server: Server): Promise<ClusterSeen> {
  const { cluster } = await server.query<{ cluster: ClusterSeen | null }>(CLUSTER);
  if (cluster === null) throw new Error('the server is no node of a cluster');
  return cluster;
}

/** Undefined while it does not answer, as one does that is paused. */
export async function seenIfAnswered(server: Server): Promise<ClusterSeen | undefined> {
  const given = new AbortController();
  const late = sleep(ANSWER_MS_MAX, undefined, { signal: given.signal }).catch(() => undefined);
  const seen = await Promise.race([seenBy(server).catch(() => undefined), late]);
  given.abort();
  return seen;
}

/** Of all that these nodes see, every partition has one of them, and they agree on whom. */
export async function settled(nodes: readonly ClusterNode[], waitMs = 60_000): Promise<void> {
  const names = nodes.map(({ name }) => name).sort();
  let why = '';
  for (const deadline = performance.now() + waitMs; performance.now() < deadline; ) {
    const ended = nodes.find(({ server }) => server.hasEnded);
    if (ended !== undefined) throw new Error(`${ended.name} has ended\n${ended.server.logTail()}`);
    const seen = await Promise.all(nodes.map(({ server }) => seenIfAnswered(server)));
    why = unsettled(seen, names) ?? '';
    if (why === '') return;
    await sleep(POLL_MS);
  }
  const tails = nodes.map(({ name, server }) => `--- ${name}\n${server.logTail()}`);
  throw new Error(`${why}, after ${waitMs} ms\n${tails.join('\n')}`);
}

function unsettled(
  seen: readonly (ClusterSeen | undefined)[],
  names: readonly string[],
): string | undefined {
  const [first] = seen;
  for (const [i, one] of seen.entries()) {
    const who = names[i] ?? '';
    if (one === undefined || first === undefined) return `${who} does not answer`;
    if (!one.member) return `${one.node} is no member`;
    if (one.generation !== first.generation) return 'generations differ';
    if (one.leader === null || one.leader !== first.leader)
      return `${one.node}: leader ${one.leader}`;
    const known = one.nodes.map(({ name }) => name).sort();
    if (known.join() !== names.join())
      return `${one.node} knows ${known.join()}, not ${names.join()}`;
    const ill = one.nodes.find(({ problem }) => problem !== null);
    if (ill !== undefined) return `${one.node} says that ${ill.name}: ${ill.problem}`;
    const lost = one.partitions.find((each) => each.node === null || each.problem !== null);
    if (lost !== undefined) return `${one.node}: ${JSON.stringify(lost)}`;
  }
  return undefined;
}

/** What every one of these nodes must answer alike, once all has been applied. */
export async function clusterDifferences(
  nodes: readonly ClusterNode[],
  truth: ClusterTruth,
  waitMs = 60_000,
): Promise<string[]> {
  let found: string[] = [];
  for (const deadline = performance.now() + waitMs; performance.now() < deadline; ) {
    const all = await Promise.all(nodes.map((node) => nodeDifferences(node, truth)));
    found = all.flat();
    if (found.length === 0) return [];
    await sleep(POLL_MS);
  }
  return found;
}

async function nodeDifferences(
  { name, server }: ClusterNode,
  truth: ClusterTruth,
): Promise<string[]> {
  try {
    const ledger = await server.ledger();
    const { missing, byType } = await countsOf(server);
    const { applied, duplicate, received, rejected, pending, balanced } = ledger;
    const found: string[] = [];
    if (applied !== truth.events || pending !== 0 || rejected !== 0 || !balanced) {
      found.push(
        `${name}: ledger ${received} received, ${applied} applied, ${duplicate} duplicate, ${rejected} rejected, ${pending} pending, ` +
          `balanced ${balanced}; acknowledged ${truth.events}`,
      );
    }
    if (missing.length > 0) found.push(`${name}: partitions ${missing.join(' ')} are missing`);
    for (const [type, events] of truth.byType) {
      if (byType.get(type) !== events) {
        found.push(`${name}: ${byType.get(type) ?? 0} of ${type}; acknowledged ${events}`);
      }
    }
    return found;
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : error}`];
  }
}

export async function countsOf(
  server: Server,
): Promise<{ readonly missing: readonly number[]; readonly byType: ReadonlyMap<string, number> }> {
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const range = { from: today - DAY_MS, to: today + 2 * DAY_MS };
  const { timeseries } = await server.query<Counted>(COUNTS, range);
  const byType = timeseries.series.map(({ labels, points }) => {
    const total = points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
    return [labels[0]?.value ?? '', total] as const;
  });
  return { missing: timeseries.missingPartitions, byType: new Map(byType) };
}

/** Rows of the archive; and, read one by one, how many ids there are. */
export async function archived(
  server: Server,
): Promise<{ readonly rows: number; readonly ids: number }> {
  const answer = await server.query<{
    segments: { rows: number };
    sql: { rows: readonly (readonly unknown[])[] };
  }>('{ segments { rows } sql(query: "SELECT count(DISTINCT id) FROM events") { rows } }');
  return { rows: answer.segments.rows, ids: Number(answer.sql.rows[0]?.[0]) };
}

/** Resolves when so many events are in the archive, with what is there; at the latest after `waitMs`. */
export async function archivedAll(
  server: Server,
  events: number,
  waitMs = 60_000,
): Promise<{ readonly rows: number; readonly ids: number }> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    const { segments } = await server.query<{ segments: { rows: number } }>(
      '{ segments { rows } }',
    );
    if (segments.rows >= events || performance.now() > deadline) return archived(server);
    await sleep(POLL_MS * 5);
  }
}
