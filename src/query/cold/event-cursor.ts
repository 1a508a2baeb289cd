/** Where a page of events ended, as text that a client hands back. It names an event, so that what arrives meanwhile moves no page. */
import { AppError } from '../../model/errors.ts';
import { EPOCH_MS_MAX } from '../../model/units.ts';
import type { EventKey } from './cold-port.ts';

export const encodeEventKey = ({ tsMs, partition, position, row }: EventKey): string =>
  [tsMs, partition, position, row].map((part) => part.toString(36)).join('.');

/** Throws `query_invalid` if the text is no cursor. */
export function decodeEventKey(text: string): EventKey {
  const match = /^([0-9a-z]{1,10})\.([0-9a-z]{1,4})\.([0-9a-z]{1,11})\.([0-9a-z]{1,6})$/.exec(text);
  const [tsMs, partition, position, row] = (match ?? [])
    .slice(1)
    .map((part) => Number.parseInt(part, 36));
  const isKey = row !== undefined && tsMs !== undefined && tsMs <= EPOCH_MS_MAX;
  if (
    isKey &&
    partition !== undefined &&
    position !== undefined &&
    Number.isSafeInteger(position)
  ) {
    return { tsMs, partition, position, row };
  }
  throw new AppError('query_invalid', '"after" must be the `nextCursor` of the page before');
}
