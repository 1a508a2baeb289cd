/** The nodes over one topic. */
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export function cluster(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): object | null {
  demandScope(access, 'admin');
  const status = services.cluster?.status();
  if (status === undefined) return null;
  const { isMember, nodes, ...rest } = status;
  return {
    ...rest,
    member: isMember,
    nodes: nodes.map(({ isAway, ...node }) => ({ ...node, away: isAway })),
  };
}
