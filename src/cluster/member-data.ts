/** What nodes tell each other through the group: each of itself when it joins, and whoever shares out what all shall know. */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';
import type { Candidate } from './assignment.ts';
import { MEMBER_DATA_BYTES_MAX } from './limits.ts';
import type { ClusterNode, ClusterView } from './view.ts';

/** What a node says of itself, the same as long as its process lives. */
export type NodeIdentity = Omit<ClusterNode, 'partitions'>;

/** A node that wants partitions. */
export interface Told extends Candidate {
  readonly node: NodeIdentity;
}

const count = z.number().int().min(0);
const partitions = z.array(count);
const identity = z.object({
  name: z.string(),
  url: z.string(),
  life: count,
  version: z.string(),
  configDigest: z.string(),
  partitionCount: count.optional(),
  archive: z.string(),
  proof: z.string(),
});
const told = z.object({
  node: identity,
  owned: partitions,
  generation: z.number().int(),
  positions: z.array(z.tuple([count, count])),
});
const nodes = z.array(identity.extend({ partitions }));

/** `attempt` is another one each time: brokers share out anew only if a member says something else than before. */
export function encodeTold(member: Omit<Told, 'name'>, attempt: number): Uint8Array {
  const { node, owned, generation, positions } = member;
  return packed({ node, owned, generation, positions: [...positions], attempt });
}

/** Undefined: it was not written by a node. */
export function decodeTold(data: Uint8Array | undefined): Told | undefined {
  const found = told.safeParse(unpacked(data));
  if (!found.success) return undefined;
  const { node, positions, ...rest } = found.data;
  return { ...rest, name: node.name, node, positions: new Map(positions) };
}

/** The same for all members: a node finds itself by its name. */
export const encodeNodes = (all: readonly ClusterNode[]): Uint8Array => packed(all);

/** Undefined: it was not written by a node. */
export function decodeNodes(data: Uint8Array | undefined): readonly ClusterNode[] | undefined {
  const found = nodes.safeParse(unpacked(data));
  return found.success ? found.data : undefined;
}

/** Undefined: the node is not among them, or partition 0 is with nobody. */
export function viewOf(
  nodes: readonly ClusterNode[],
  self: NodeIdentity,
  generation: number,
): ClusterView | undefined {
  const own = nodes.find(({ name, life }) => name === self.name && life === self.life);
  const leader = nodes.find(({ partitions }) => partitions.includes(0));
  return own && leader && { generation, nodes, mine: own.partitions, leader };
}

const packed = (data: unknown): Uint8Array => deflateRawSync(JSON.stringify(data));

function unpacked(data: Uint8Array | undefined): unknown {
  if (data === undefined || data.length === 0) return undefined;
  try {
    const text = inflateRawSync(data, { maxOutputLength: MEMBER_DATA_BYTES_MAX });
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
