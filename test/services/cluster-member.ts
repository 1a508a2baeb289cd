/** A node's membership in a process of its own, which can be stopped and killed. Tells its parent of each change, and when it is asked. */
import {
  joinCluster,
  type MembershipOptions,
  type Standing,
} from '../../src/cluster/membership.ts';
import { silent } from '../storage/archive/silent.ts';

export type MemberSettings = Omit<MembershipOptions, 'positions' | 'logger'>;
/** `asked` answers a question; others are told unasked. */
export interface Said {
  readonly kind: 'changed' | 'asked' | 'ended';
  readonly standing: Standing;
  readonly fault?: string | undefined;
}

process.once('message', (settings: MemberSettings) => {
  const membership = joinCluster({
    ...settings,
    positions: async () => new Map(),
    logger: silent,
  });
  const say = (kind: Said['kind'], fault?: string) => {
    const said: Said = { kind, standing: membership.standing(), fault };
    process.send?.(said);
  };
  membership.subscribe(() => say('changed'));
  process.on('message', () => say('asked'));
  void membership.ended.then((fault) => say('ended', fault?.message));
});
