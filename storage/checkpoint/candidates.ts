/** Which parts of checkpoints may be taken instead of what is here, newest first. */
import { AppError } from '../../src/model/errors.ts';
import { type CheckpointPart, type CheckpointSet, isLater, isSameTurn } from './checkpoint-set.ts';

/** What the log keeps of one partition. */
export interface LogBounds {
  /** The oldest offset. */
  readonly start: number;
  readonly end: number;
}

/**
 * The log has all that comes behind it. One that ends before has lost what is in a state of that position: what comes next would be
 * left out.
 */
export const leadsOn = (position: number, { start, end }: LogBounds): boolean =>
  position >= start && position <= end;

/** What is here already. */
export interface LocalState {
  /** The last that has written here; 0: there is no state. */
  readonly life: number;
  /** By partition; undefined where nothing was ever committed. */
  readonly positions: readonly (number | undefined)[];
}

/** Each file once. */
export function partsOf(
  sets: readonly CheckpointSet[],
  name: CheckpointPart['part'],
): CheckpointPart[] {
  return once(sets.flatMap((set) => set.parts.filter(({ part }) => part === name)));
}

/** Of one name, each file once, by how far they are: those of several nodes do not follow each other by their turns. */
export const newestFirst = (parts: readonly CheckpointPart[]): CheckpointPart[] =>
  once(parts).sort((a, b) => b.position - a.position || (isLater(a, b) ? -1 : 1));

const once = (parts: readonly CheckpointPart[]): CheckpointPart[] =>
  parts.filter((part, i) => parts.findIndex((other) => isSameTurn(part, other)) === i);

/** Parts that the log leads on from, and that have what is not here. */
export function partsFor(
  partition: number,
  sets: readonly CheckpointSet[],
  bounds: LogBounds,
  { life, positions }: LocalState,
): CheckpointPart[] {
  const here = positions[partition];
  const isLost = here === undefined || !leadsOn(here, bounds);
  const hasMore = (part: CheckpointPart) => isLost || part.life > life || part.position > here;
  return partsOf(sets, partition).filter((part) => leadsOn(part.position, bounds) && hasMore(part));
}

/** Not what may pass, as an archive that is out of reach. */
export const isDamage = (error: unknown): boolean =>
  error instanceof AppError && DAMAGES.has(error.code);

const DAMAGES = new Set(['checkpoint_corrupt', 'backup_corrupt', 'archive_missing']);
