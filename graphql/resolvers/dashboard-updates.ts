/** Saved dashboards for subscribers: as they are, and again after each change. */
import type { DashboardView } from '../../src/query/dashboard-port.ts';
import { pullIterator } from '../../src/query/pull-iterator.ts';
import { allows } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import { demandOpen, shown } from './dashboards.ts';

const resolve = (found: DashboardView | null, _: unknown, context: GraphContext): object | null =>
  found && shown(found, context);

export const dashboardUpdates = {
  subscribe: (
    _: unknown,
    { id }: { readonly id: string },
    context: GraphContext,
  ): AsyncIterable<DashboardView | null> => {
    const { access, services } = context;
    return updatesOf(() => services.dashboards.find(access.tenant, id), context);
  },
  resolve,
};

export const sharedDashboardUpdates = {
  subscribe(_: unknown, __: unknown, context: GraphContext): AsyncIterable<DashboardView | null> {
    const { share } = context.access;
    if (share === undefined) return updatesOf(() => undefined, context);
    demandOpen(share, context);
    return updatesOf(() => context.services.dashboards.shared(share)?.dashboard, context);
  },
  resolve,
};

/** What `look` finds, whenever it is another one; null once it finds nothing, as the last. */
function updatesOf(
  look: () => DashboardView | undefined,
  context: GraphContext,
): AsyncIterableIterator<DashboardView | null> {
  let told = '';
  let hasEnded = false;
  let changed = Promise.withResolvers<void>();
  const unfollow = context.services.dashboards.onChange(() => changed.resolve());
  const end = (): void => {
    hasEnded = true;
    unfollow();
    changed.resolve();
  };
  const pull = async (): Promise<DashboardView | null | undefined> => {
    while (!hasEnded) {
      changed = Promise.withResolvers();
      const found = look();
      if (found === undefined) {
        hasEnded = true;
        return null;
      }
      const state = stateOf(found, context);
      if (state !== told) {
        told = state;
        return found;
      }
      await changed.promise;
    }
    return undefined;
  };
  return pullIterator(pull, end);
}

/** Differs with each change that the subscriber may see. */
function stateOf(
  { id, version, updatedAtMs }: DashboardView,
  { access, services }: GraphContext,
): string {
  const shares = allows(access, 'admin') ? services.dashboards.shares(access.tenant, id) : [];
  return [version, updatedAtMs, ...shares.map((share) => share.id)].join(' ');
}
