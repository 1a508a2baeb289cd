/** Takes hours out of the archive that are older than their stream keeps them. */
import type { Clock } from '../../src/model/clock.ts';
import type { Logger } from '../../src/model/logger.ts';
import { MANIFEST_VERSION_FILES_MAX } from '../../storage/limits.ts';
import { endOf, type Hour, type Hours } from './hours.ts';
import type { ArchiveWork, WorkNumbers } from './work.ts';

export interface RetentionPolicy {
  /** From the end of an hour; undefined: for good. */
  readonly keepMs?: number | undefined;
  /** The first that fits a stream stands in for it. */
  readonly overrides: readonly RetentionOverride[];
}

export interface RetentionOverride {
  /** Undefined: any. */
  readonly tenant?: string | undefined;
  readonly stream?: string | undefined;
  readonly keepMs?: number | undefined;
}

/** Infinite: for good. */
export function keptMs(
  { tenant, stream }: { readonly tenant: string; readonly stream: string },
  { keepMs, overrides }: RetentionPolicy,
): number {
  const own = overrides.find(
    (one) => (one.tenant ?? tenant) === tenant && (one.stream ?? stream) === stream,
  );
  return (own === undefined ? keepMs : own.keepMs) ?? Number.POSITIVE_INFINITY;
}

export class Retention implements ArchiveWork {
  readonly #hours: Hours;
  readonly #policy: RetentionPolicy;
  readonly #clock: Clock;
  readonly #log: Logger;
  #due = { version: -1, dueMs: Number.POSITIVE_INFINITY };
  #hoursExpired = 0;

  constructor(hours: Hours, policy: RetentionPolicy, clock: Clock, log: Logger) {
    this.#hours = hours;
    this.#policy = policy;
    this.#clock = clock;
    this.#log = log;
  }

  /** Since the thread's start. */
  get hoursExpired(): number {
    return this.#hoursExpired;
  }

  /** Found anew with each version. */
  dueMs(): number {
    const { version } = this.#hours.manifest;
    if (this.#due.version !== version) {
      let dueMs = Number.POSITIVE_INFINITY;
      if (this.#isLimited()) {
        for (const hour of this.#hours.all()) dueMs = Math.min(dueMs, this.#expiryMs(hour));
      }
      this.#due = { version, dueMs };
    }
    return this.#due.dueMs;
  }

  /** One version: the oldest hours first, as many as it may name. */
  async step(): Promise<void> {
    const nowMs = this.#clock.now();
    const expired = [...this.#hours.all()]
      .filter((hour) => this.#expiryMs(hour) <= nowMs)
      .sort((a, b) => a.hourMs - b.hourMs);
    const paths = expired.flatMap(({ files }) => [...files.keys()]);
    const remove = paths.slice(0, MANIFEST_VERSION_FILES_MAX);
    if (remove.length === 0) return;
    await this.#hours.replace({ change: 'retention', add: [], remove });
    const left = expired.filter((hour) => this.#hours.of(hour) !== undefined).length;
    this.#hoursExpired += expired.length - left;
    const { version } = this.#hours.manifest;
    this.#log.info(
      { version, hours: expired.length - left, files: remove.length },
      'hours are older than they are kept, and are taken out of the archive',
    );
  }

  numbers(): WorkNumbers {
    return { kind: 'retention', done: 0, total: 0 };
  }

  #expiryMs(hour: Hour): number {
    return endOf(hour) + keptMs(hour, this.#policy);
  }

  #isLimited(): boolean {
    const { keepMs, overrides } = this.#policy;
    return [{ keepMs }, ...overrides].some((one) => one.keepMs !== undefined);
  }
}
