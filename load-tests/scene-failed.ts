/** What kept a torture from looking, such as a machine that is too slow: nothing was found, and another run may come further. */
export class SceneFailed extends Error {}

/** `EX_TEMPFAIL` of sysexits.h. */
const TRY_AGAIN = 75;

/** Of a process that ends by it. */
export const exitCodeOf = (error: unknown): number =>
  error instanceof SceneFailed ? TRY_AGAIN : 1;
