/**
 * What is to be erased from the archive, one after the other. It outlives the archiver, which begins anew when a commit has failed: then
 * nobody knows whether that was made until the archive is opened again.
 */
import type { ArchiveIntent, Stretch } from '../../src/model/erasure.ts';
import type { ErasedEvents } from '../../storage/segments/erased-condition.ts';

export interface ErasureTarget extends ErasedEvents {
  /** Names the erasure. */
  readonly id: string;
  readonly tenant: string;
  /** Undefined: all of the tenant's. */
  readonly stream?: string;
  /** Stretches of the log of which the rows were counted there. */
  readonly counted: readonly Stretch[];
}

/** Who asked for it, and keeps what is told through any crash. */
export interface ErasureKeeper {
  /** Resolves when it is kept that this version is about to be made. */
  intended(id: string, intent: ArchiveIntent): Promise<void>;
  /** The version that was intended last was made, or will never be. */
  settled(id: string, isMade: boolean): Promise<void>;
}

export interface ErasureJob {
  readonly target: ErasureTarget;
  readonly keeper: ErasureKeeper;
  /** Of which nobody knows whether it was made. */
  intent: ArchiveIntent | undefined;
  /** Paths of files that do not hold the value, or not any more. */
  readonly clean: Set<string>;
}

/** Erasures that wait at once: who asks for one waits until it is done. */
const JOBS_MAX = 100;

export class ErasureJobs {
  readonly #jobs = new Map<ErasureJob, PromiseWithResolvers<void>>();

  /**
   * Resolves when no file of the archive that was there holds the value any more. Who asks again, having lost patience, waits for
   * what is under way.
   */
  add(
    target: ErasureTarget,
    intent: ArchiveIntent | undefined,
    keeper: ErasureKeeper,
  ): Promise<void> {
    for (const [job, { promise }] of this.#jobs) if (job.target.id === target.id) return promise;
    if (this.#jobs.size >= JOBS_MAX) throw new RangeError(`${JOBS_MAX} erasures wait already`);
    const finished = Promise.withResolvers<void>();
    this.#jobs.set({ target, intent, keeper, clean: new Set() }, finished);
    return finished.promise;
  }

  /** The first one. */
  get current(): ErasureJob | undefined {
    const [job] = this.#jobs.keys();
    return job;
  }

  finish(job: ErasureJob): void {
    this.#jobs.get(job)?.resolve();
    this.#jobs.delete(job);
  }
}
