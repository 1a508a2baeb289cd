/** Time that moves when the test says so, and waits that end when it says so. */
import type { Logger } from '../../src/model/logger.ts';

export class ScriptedTime {
  nowMs = 1_000_000;
  /** Waits in the order of their start. */
  readonly waits: { readonly ms: number; readonly end: () => void }[] = [];
  readonly clock = { now: (): number => this.nowMs };
  readonly sleep = (ms: number): Promise<void> =>
    new Promise((end) => {
      this.waits.push({ ms, end });
    });

  /** Ends the oldest wait, after which its time has passed. Answers how long it was. */
  endWait(): number {
    const wait = this.waits.shift();
    if (wait === undefined) throw new Error('nobody waits');
    this.nowMs += wait.ms;
    wait.end();
    return wait.ms;
  }
}

export const silent: Logger = process.env['LOUD']
  ? (console as never)
  : {
      debug() {},
      info() {},
      warn() {},
      error() {},
      child: () => silent,
    };

/** Looks after each turn of the event loop; the test's own time limit ends it. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
