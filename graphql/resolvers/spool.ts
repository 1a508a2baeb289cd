/** The spool in front of a log that is a topic. */
import { spoolingInWords } from '../../src/model/spool-view.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';

export function spool(_: unknown, __: unknown, { access, services }: GraphContext): object | null {
  demandScope(access, 'admin');
  const view = services.spool?.();
  if (view === undefined) return null;
  const { spooling, ...rest } = view;
  return {
    ...rest,
    spooling: spooling !== undefined,
    reason: spooling?.reason.toUpperCase(),
    since: spooling?.sinceMs,
    note: spoolingInWords(view),
  };
}
