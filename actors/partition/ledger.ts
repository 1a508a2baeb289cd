/**
 * What became of every event: per tenant and stream, by the hour of arrival. Arrival never goes back in a partition, so
 * only the current hour's lines can change, and only they are held.
 */
import { HOUR_MS } from '../../src/model/units.ts';
import type { LedgerCounts } from '../../storage/state/rows.ts';

export const hourOf = (timeMs: number): number => Math.floor(timeMs / HOUR_MS) * HOUR_MS;

export interface LedgerLine extends LedgerCounts {
  readonly tenant: string;
  readonly stream: string;
  readonly arrivalHourMs: number;
}

/**
 * Lines of one hour. Senders choose the names of streams: what is past the bound is counted, so that the ledger still
 * balances, but under one name.
 */
const LINES_MAX = 20_000;
export const OTHER_STREAMS = '__other__';
/** Tenants are named by keys of the configuration: nobody has as many. What is past it is kept for longer. */
const TENANTS_MAX = 100_000;

type Line = { -readonly [K in keyof LedgerLine]: LedgerLine[K] };

export class Ledger {
  /** Of the current hour. */
  readonly #lines = new Map<string, Line>();
  /** Changed since the last commit, of past hours too. */
  readonly #changed = new Set<Line>();
  /** All that may have lines in the store: the quiet ones must be swept too. */
  readonly #tenants = new Set<string>();
  #hourMs = Number.NEGATIVE_INFINITY;
  #sweptDay = Number.NEGATIVE_INFINITY;

  /** `lines`: those that were committed of the hour of `nowMs`; `tenants`: all that have stored something. */
  restore(nowMs: number, lines: readonly LedgerLine[], tenants: readonly string[]): void {
    this.#hourMs = hourOf(nowMs);
    for (const tenant of tenants) this.#tenants.add(tenant);
    for (const line of lines) this.#lines.set(keyOf(line.tenant, line.stream), { ...line });
  }

  add(tenant: string, stream: string, nowMs: number, counts: LedgerCounts): void {
    const line = this.#line(tenant, stream, hourOf(nowMs));
    line.received += counts.received;
    line.applied += counts.applied;
    line.duplicate += counts.duplicate;
    line.rejected += counts.rejected;
    line.clamped += counts.clamped;
    line.expired += counts.expired;
    this.#changed.add(line);
  }

  /** Lines that a commit must store; absolute. */
  changed(): readonly LedgerLine[] {
    return [...this.#changed];
  }

  committed(): void {
    this.#changed.clear();
  }

  /** True once a day, and after a restart: time to delete what is past its retention. */
  takeSweepDue(nowMs: number): boolean {
    const day = Math.floor(nowMs / (24 * HOUR_MS));
    const isDue = day !== this.#sweptDay;
    this.#sweptDay = day;
    return isDue;
  }

  /** Every tenant that ever had events here. */
  get tenants(): ReadonlySet<string> {
    return this.#tenants;
  }

  #line(tenant: string, stream: string, hourMs: number): Line {
    if (hourMs !== this.#hourMs) {
      this.#hourMs = hourMs;
      this.#lines.clear();
    }
    const known = this.#lines.get(keyOf(tenant, stream));
    if (known !== undefined) return known;
    if (this.#lines.size >= LINES_MAX && stream !== OTHER_STREAMS) {
      return this.#line(tenant, OTHER_STREAMS, hourMs);
    }
    const zero = { received: 0, applied: 0, duplicate: 0, rejected: 0, clamped: 0, expired: 0 };
    const line = { tenant, stream, arrivalHourMs: hourMs, ...zero };
    this.#lines.set(keyOf(tenant, stream), line);
    if (this.#tenants.size < TENANTS_MAX) this.#tenants.add(tenant);
    return line;
  }
}

const keyOf = (tenant: string, stream: string): string => `${tenant}\0${stream}`;
