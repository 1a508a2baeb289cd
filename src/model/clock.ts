/** Time as a dependency: production passes `systemClock`, tests and the simulation pass their own. */
export interface Clock {
  /** Wall clock, epoch milliseconds. May jump. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
