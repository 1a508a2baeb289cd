/** Moments that may be given as what a clock shows. */
import { AppError } from '../../src/model/errors.ts';
import { zoneOf } from '../../src/query/calendar.ts';
import type { Maybe } from './arguments.ts';

export interface RangeArgs {
  readonly from?: Maybe<number>;
  readonly to?: Maybe<number>;
  /** As epoch ms of UTC, like `localTo`. */
  readonly localFrom?: Maybe<number>;
  readonly localTo?: Maybe<number>;
  readonly timeZone?: Maybe<string>;
}

interface Moment {
  readonly ms: number;
  /** Of the argument that says it. */
  readonly name: keyof RangeArgs;
}

/** Epoch ms. Throws `query_invalid` if one is given in both ways, for a zone that there is not, or if a local one makes the range empty. */
export function rangeOf(args: RangeArgs): { readonly fromMs?: number; readonly toMs?: number } {
  const from = momentOf('from', 'localFrom', args);
  const to = momentOf('to', 'localTo', args);
  const isLocal = from?.name === 'localFrom' || to?.name === 'localTo';
  if (isLocal && from && to && from.ms >= to.ms) {
    throw new AppError('query_invalid', `"${from.name}" must lie before "${to.name}"`);
  }
  return { ...(from && { fromMs: from.ms }), ...(to && { toMs: to.ms }) };
}

function momentOf(
  name: 'from' | 'to',
  localName: 'localFrom' | 'localTo',
  args: RangeArgs,
): Moment | undefined {
  const moment = args[name] ?? undefined;
  const local = args[localName] ?? undefined;
  if (local === undefined) return moment === undefined ? undefined : { ms: moment, name };
  if (moment === undefined) {
    return { ms: zoneOf(args.timeZone ?? 'UTC').reaches(local), name: localName };
  }
  throw new AppError('query_invalid', `give either "${name}" or "${localName}", not both`);
}
