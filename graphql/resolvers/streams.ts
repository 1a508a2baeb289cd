/** Which streams there are. */
import { streamNames } from '../../src/query/streams.ts';
import type { GraphContext } from '../context.ts';

export const streams = (
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<readonly string[]> => streamNames(access.tenant, services.partitions);

export const streamUpdates = {
  subscribe: (
    _: unknown,
    __: unknown,
    { access, streamUpdates: updates }: GraphContext,
  ): AsyncIterable<readonly string[]> => updates.subscribe(access.tenant),

  resolve: (names: readonly string[]): readonly string[] => names,
};
