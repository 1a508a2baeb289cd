/** Where a dead letter lies, which is its id, and what of two is newer. */
import { AppError } from '../model/errors.ts';

export interface Place {
  readonly partition: number;
  readonly offset: number;
  readonly row: number;
  readonly arrivalMs: number;
}

export type Order = (a: Place, b: Place) => number;

/** Later in the journal is newer: its offsets are one sequence over all partitions. */
export const newerInJournal: Order = (a, b) => b.offset - a.offset || b.row - a.row;

/** Offsets of a topic's partitions compare with nothing, and arrival times with their neighbours' only about. */
export const newerInTopic: Order = (a, b) =>
  b.arrivalMs - a.arrivalMs || a.partition - b.partition || newerInJournal(a, b);

export const idOf = ({ partition, offset, row, arrivalMs }: Place): string =>
  [offset, row, partition, arrivalMs].map((part) => part.toString(36)).join('.');

const ID_LENGTH_SHOWN = 80;

/** Throws `query_invalid`, in which it is called by `name`. */
export function placeOf(id: string, name = '"after"'): Place {
  const match = /^([0-9a-z]{1,11})\.([0-9a-z]{1,7})\.([0-9a-z]{1,4})\.([0-9a-z]{1,10})$/.exec(id);
  const [offset = -1, row = -1, partition = -1, arrivalMs = -1] = (match ?? [])
    .slice(1)
    .map((part) => Number.parseInt(part, 36));
  if (match === null || !Number.isSafeInteger(offset)) {
    throw new AppError(
      'query_invalid',
      `${name} must be the id of a dead letter, received "${id.slice(0, ID_LENGTH_SHOWN)}"`,
    );
  }
  return { partition, offset, row, arrivalMs };
}
