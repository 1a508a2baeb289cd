/**
 * Lets so many exports run at a time. Nobody waits: one may take hours. A tenant leaves one place to the others, if there are
 * several.
 */
import { AppError } from '../../model/errors.ts';

export class ExportGate {
  readonly #runningMax: number;
  /** By tenant. */
  readonly #running = new Map<string, number>();

  constructor(runningMax: number) {
    this.#runningMax = runningMax;
  }

  /** Answers how to leave, once. Throws `query_overload` if there is no place. */
  enter(tenant: string): () => void {
    const own = this.#running.get(tenant) ?? 0;
    const all = [...this.#running.values()].reduce((sum, count) => sum + count, 0);
    const ownMax = Math.max(1, this.#runningMax - 1);
    if (all >= this.#runningMax || own >= ownMax) {
      throw new AppError(
        'query_overload',
        `${all} exports run, ${own} of them of this tenant; there may be ${this.#runningMax}, ${ownMax} of a tenant: try again when one has ended, or raise "cold.exports.concurrency"`,
      );
    }
    this.#running.set(tenant, own + 1);
    return () => {
      const left = (this.#running.get(tenant) ?? 1) - 1;
      if (left > 0) this.#running.set(tenant, left);
      else this.#running.delete(tenant);
    };
  }
}
