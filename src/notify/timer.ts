/** Waiting as a dependency: production passes `systemTimer`, tests pass time that moves when they say so. */

/** Runs `run` once, `ms` from now; the answer cancels that. */
export type Timer = (ms: number, run: () => void) => () => void;

/** Does not keep the process alive: what waits is in the store. */
export const systemTimer: Timer = (ms, run) => {
  const timeout = setTimeout(run, ms).unref();
  return () => clearTimeout(timeout);
};
