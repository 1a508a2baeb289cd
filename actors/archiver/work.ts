/**
 * What is done to the archive beside the cuts: compaction, retention, the deletion of what was removed. Each kind does its work in small
 * steps, between which the log is cut when that is due.
 */

export interface ArchiveWork {
  /** When there is something to do; in the past: now; infinite: never, as far as is known. Asked every second. */
  dueMs(nowMs: number): number;
  /**
   * Does a small part of what is due. Work that cannot be done is put off, and told as a problem: it keeps nothing else. Rejects as
   * `SegmentCommitter` does: then nobody knows what the archive holds, and it is opened anew.
   */
  step(): Promise<void>;
  numbers(): WorkNumbers;
}

/** Plain data, for people. */
export interface WorkNumbers {
  readonly kind: 'compaction' | 'retention' | 'deletion' | 'erasure';
  /** What is being worked on, such as the folder of an hour. */
  readonly subject?: string | undefined;
  /** Parts of it. */
  readonly done: number;
  readonly total: number;
  /** What could not be done the last time, and why; undefined: all is well. */
  readonly problem?: string | undefined;
}

/** Work that failed, and when it is tried again. It outlives a crash of the actor, which a failed commit is. */
export class PutOff {
  readonly #failures = new Map<string, { readonly count: number; readonly untilMs: number }>();
  #problem: string | undefined;

  /** 0 if it has not failed. */
  until(key: string): number {
    return this.#failures.get(key)?.untilMs ?? 0;
  }

  failed(key: string, nowMs: number, error: unknown): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    const waitMs = Math.min(PUT_OFF_MS_MIN * 2 ** Math.min(count - 1, 30), PUT_OFF_MS_MAX);
    this.#failures.delete(key);
    this.#failures.set(key, { count, untilMs: nowMs + waitMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > PUT_OFF_MAX && oldest !== undefined) this.#failures.delete(oldest);
    this.#problem = `${key}: ${messageOf(error)}`;
  }

  succeeded(key: string): void {
    if (this.#failures.delete(key) && this.#failures.size === 0) this.#problem = undefined;
  }

  /** The last one, until everything that failed has succeeded. */
  get problem(): string | undefined {
    return this.#problem;
  }
}

/** A full disk or a file that cannot be read is rarely well again sooner; an hour that fails for good costs little. */
const PUT_OFF_MS_MIN = 60_000;
const PUT_OFF_MS_MAX = 6 * 3_600_000;
/** Past it the oldest is tried again at once. */
const PUT_OFF_MAX = 1_000;

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
