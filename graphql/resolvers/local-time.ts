/** Moments that may be given as what a clock shows. */
import { AppError } from '../../src/model/errors.ts';
import { zoneOf } from '../../src/query/calendar.ts';
import type { Maybe } from './arguments.ts';

/** Epoch ms. Throws `query_invalid` if it is given in both ways, or for a zone that there is not. */
export function momentOf(
  name: 'from' | 'to',
  moment: Maybe<number>,
  local: Maybe<number>,
  timeZone: Maybe<string>,
): Maybe<number> {
  if (local === null || local === undefined) return moment;
  if (moment === null || moment === undefined) return zoneOf(timeZone ?? 'UTC').reaches(local);
  const localName = name === 'from' ? 'localFrom' : 'localTo';
  throw new AppError('query_invalid', `give either "${name}" or "${localName}", not both`);
}
