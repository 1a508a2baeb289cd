/** Branded scalars. A brand is made only by its checking constructor, so a unit mix-up does not compile. */

declare const unit: unique symbol;
type Brand<Name extends string> = number & { readonly [unit]: Name };

/** Milliseconds since 1970-01-01T00:00:00Z, as a double; leap seconds do not exist in it (POSIX). */
export type EpochMs = Brand<'EpochMs'>;
/** A length of time in milliseconds, zero or more. */
export type DurationMs = Brand<'DurationMs'>;
/** A size in bytes, a non-negative integer. */
export type Bytes = Brand<'Bytes'>;
/**
 * A place in one partition's log, a non-negative integer below 2^53. Greater means later.
 * The offset *after* a block is where its successor may start: a commit stores the next offset to read.
 */
export type Offset = Brand<'Offset'>;
/** A number of things, a non-negative integer. */
export type Count = Brand<'Count'>;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
export const WEEK_MS = 7 * DAY_MS;

/** Earliest and latest event time that is accepted: 1970-01-01 and 9999-12-31T23:59:59.999Z. */
export const EPOCH_MS_MIN = 0;
export const EPOCH_MS_MAX = 253_402_300_799_999;

export function epochMs(value: number): EpochMs {
  if (!(value >= EPOCH_MS_MIN && value <= EPOCH_MS_MAX)) {
    throw new RangeError(`epoch milliseconds must be 0..${EPOCH_MS_MAX}, received ${value}`);
  }
  return value as EpochMs;
}

export function durationMs(value: number): DurationMs {
  if (!(value >= 0 && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`a duration must be zero or more milliseconds, received ${value}`);
  }
  return value as DurationMs;
}

export const bytes = (value: number): Bytes =>
  nonNegativeInteger(value, 'a size in bytes') as Bytes;
export const offset = (value: number): Offset =>
  nonNegativeInteger(value, 'a log offset') as Offset;
export const count = (value: number): Count => nonNegativeInteger(value, 'a count') as Count;

function nonNegativeInteger(value: number, what: string): number {
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new RangeError(`${what} must be an integer from 0 to 2^53 - 1, received ${value}`);
  }
  return value;
}
