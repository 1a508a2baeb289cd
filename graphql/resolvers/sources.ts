/** Topics of other programs: how far they are read. */
import { lagMsOf, lagOf } from '../../src/model/source-view.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export async function sources(
  _: unknown,
  __: unknown,
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const nowMs = services.clock.now();
  const views = (await services.sources?.()) ?? [];
  return views.map(({ problemSinceMs, partitions, ...rest }) => ({
    ...rest,
    problemSince: problemSinceMs === 0 ? null : problemSinceMs,
    partitions: partitions.map((each) => ({
      ...each,
      lag: lagOf(each),
      lagMilliseconds: lagMsOf(each, nowMs),
    })),
  }));
}
