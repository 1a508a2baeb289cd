/** A node's name is its own: who else is in the group by it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupMember } from '../../storage/kafka/group-member.ts';
import { AppError } from '../model/errors.ts';
import { NAME_LOOK_MS, NAME_PATIENCE_MS } from './limits.ts';
import { decodeTold, type NodeIdentity } from './member-data.ts';

type Members = Pick<GroupMember, 'members'>;

/** Another process that is a member by this name; `unknown`: the group is being shared out, and does not say. */
export async function namesakeOf(
  { name, life }: NodeIdentity,
  group: Members,
): Promise<NodeIdentity | 'nobody' | 'unknown'> {
  const members = await group.members();
  if (members === undefined) return 'unknown';
  const other = members.find((member) => member.name === name);
  const told = decodeTold(other?.userData)?.node;
  return told === undefined || told.life === life ? 'nobody' : told;
}

/**
 * Until this node may have its name. Another member of it is this node's process before, which the group has still to give up;
 * or a node that was given the same name, and does not go away: rejects with `config_invalid`. Where the other has our address it
 * cannot be there any more, and we take its place at once.
 */
export async function awaitName(
  node: NodeIdentity,
  group: Members,
  { signal, onWait }: { signal: AbortSignal; onWait: (why: string) => void },
): Promise<void> {
  const endMs = performance.now() + NAME_PATIENCE_MS;
  while (!signal.aborted) {
    const other = await namesakeOf(node, group);
    if (other === 'nobody') return;
    const isLate = performance.now() > endMs;
    if (other !== 'unknown') {
      if (other.url === node.url) return;
      if (isLate) throw takenBy(other);
      onWait(
        `a node "${node.name}" was here a moment ago, at ${other.url}: it has to be gone first`,
      );
    } else if (isLate) return;
    await sleep(NAME_LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** This node cannot be a member: another one is, by its name. */
export const takenBy = ({ name, url }: NodeIdentity): AppError =>
  new AppError(
    'config_invalid',
    `another node is in the cluster as "${name}", at ${url}: give each node a cluster.node and a cluster.url of its own`,
  );
