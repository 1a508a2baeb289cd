/** What becomes of events, counted twice: for the metrics of this process, and in the ledger for good. */
import type { BlockHead } from '../../src/model/block.ts';
import { DAY_MS } from '../../src/model/units.ts';
import { erasedRange, ledgerKey, ledgerRange } from '../../storage/state/keys.ts';
import { encodeLedger } from '../../storage/state/rows.ts';
import type { KeyRange, StateOp } from '../../storage/state/state.ts';
import { Ledger, type LedgerLine } from './ledger.ts';
import type { PartitionSnapshot } from './snapshot.ts';

/** Of the events of a block. */
export interface Outcome {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  /** Left out because applying them crashed the machine; the ledger has them among the rejected. */
  readonly poison: number;
  readonly late: number;
  readonly clamped: number;
  readonly expired: number;
}

export const NO_EVENTS: Outcome = {
  received: 0,
  applied: 0,
  duplicate: 0,
  rejected: 0,
  poison: 0,
  late: 0,
  clamped: 0,
  expired: 0,
};

/** Replays included. */
export interface MachineCounters {
  blocks: number;
  applied: number;
  duplicate: number;
  rejected: number;
  late: number;
  clamped: number;
  expired: number;
  poison: number;
  /** Sessions that have ended, and of these those that were closed early. */
  sessions: number;
  sessionsEarly: number;
  /** Events that came too late for any session, and those without a user. */
  sessionsLate: number;
  sessionsUnassigned: number;
}

export const zeroCounters = (): MachineCounters => ({
  blocks: 0,
  applied: 0,
  duplicate: 0,
  rejected: 0,
  late: 0,
  clamped: 0,
  expired: 0,
  poison: 0,
  sessions: 0,
  sessionsEarly: 0,
  sessionsLate: 0,
  sessionsUnassigned: 0,
});

/** How long the ledger is kept. */
const LEDGER_RETENTION_MS = 400 * DAY_MS;

export class Accounts {
  readonly counters: MachineCounters;
  readonly #partition: number;
  readonly #ledger = new Ledger();

  constructor(partition: number, snapshot: PartitionSnapshot, counters: MachineCounters) {
    this.counters = counters;
    this.#partition = partition;
    this.#ledger.restore(snapshot.nowMs, snapshot.ledger, snapshot.tenants);
  }

  add({ tenant, stream }: BlockHead, nowMs: number, outcome: Outcome): void {
    const { received, applied, duplicate, rejected, poison, late, clamped, expired } = outcome;
    const { counters } = this;
    counters.applied += applied;
    counters.duplicate += duplicate;
    counters.rejected += rejected;
    counters.poison += poison;
    counters.late += late;
    counters.clamped += clamped;
    counters.expired += expired;
    this.#ledger.add(tenant, stream, nowMs, {
      received,
      applied,
      duplicate,
      rejected: rejected + poison,
      clamped,
      expired,
    });
  }

  /** Lines that changed since the last commit: they replace stored ones. */
  lines(): readonly LedgerLine[] {
    return this.#ledger.changed();
  }

  changes(): StateOp[] {
    return this.lines().map((line) => {
      return { key: ledgerKey({ partition: this.#partition, ...line }), value: encodeLedger(line) };
    });
  }

  committed(): void {
    this.#ledger.committed();
  }

  /** What is past its retention, once a day. */
  takeSweeps(nowMs: number): KeyRange[] {
    const toMs = nowMs - LEDGER_RETENTION_MS;
    if (!this.#ledger.takeSweepDue(nowMs) || toMs <= 0) return [];
    return [...this.#ledger.tenants].flatMap((tenant) => [
      ledgerRange(this.#partition, tenant, 0, toMs),
      erasedRange(this.#partition, tenant, 0, toMs),
    ]);
  }
}
