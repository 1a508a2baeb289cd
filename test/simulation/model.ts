/** What the partition must know after a log, computed with plain maps and nothing forgotten. */

import { hourOf } from '../../actors/partition/ledger.ts';
import type { RollupDefinition, RollupsControl } from '../../src/model/rollup.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import type { PlainEvent, Value } from '../aggregate/event-blocks.ts';
import { getOr } from './get-or.ts';
import type { Step } from './workload.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * HOUR_MS;
const FUTURE_MS = 60_000;

/** One series in one minute. */
export interface Point {
  count: number;
  sum: number;
  readonly numbers: number[];
  /** The same with the time at which each counts. */
  readonly timed: { readonly timeMs: number; readonly n: number }[];
  readonly users: Set<string>;
}

export interface LedgerPoint {
  received: number;
  applied: number;
  duplicate: number;
  rejected: number;
  clamped: number;
  expired: number;
}

type DataStep = Extract<Step, { kind: 'events' | 'deadLetters' }>;

export class Model {
  control: RollupsControl | undefined;
  /** `rollup/tenant` -> minute -> JSON of the labels. */
  readonly rollups = new Map<string, Map<number, Map<string, Point>>>();
  /** `tenant/stream/hour` */
  readonly ledger = new Map<string, LedgerPoint>();
  /** Tenant -> the raw lines that were refused, in order. */
  readonly deadLetters = new Map<string, string[]>();
  readonly #seen = new Set<string>();
  #nowMs = 0;

  apply(step: Step): void {
    this.#nowMs = Math.max(this.#nowMs, step.nowMs);
    if (step.kind === 'control') this.#declare(step.control);
    else if (step.kind === 'deadLetters') this.#refuse(step);
    else if (step.kind === 'events') this.#add(step);
  }

  #declare(control: RollupsControl): void {
    if (this.control !== undefined && control.version <= this.control.version) return;
    for (const key of this.rollups.keys()) {
      const name = key.slice(0, key.indexOf('/'));
      const before = this.control?.rollups.find((rollup) => rollup.name === name);
      const after = control.rollups.find((rollup) => rollup.name === name);
      const isSame = after !== undefined && String(before?.dimensions) === String(after.dimensions);
      if (!isSame) this.rollups.delete(key);
    }
    // Frozen rollups depend on when a bucket closed: what is true of them is checked as they close (follower.ts).
    const rollups = control.rollups.filter(({ frozen }) => !frozen);
    this.control = { ...control, rollups };
  }

  #refuse({ tenant, stream, rows, isResent }: DataStep): void {
    const line = this.#ledgerAt(tenant, stream);
    line.received += rows.length;
    if (isResent) {
      line.duplicate += rows.length;
      return;
    }
    line.rejected += rows.length;
    const letters = this.deadLetters.get(tenant) ?? [];
    letters.push(...rows.map(({ raw }) => String(raw)));
    this.deadLetters.set(tenant, letters);
  }

  #add({ tenant, stream, rows, isResent }: DataStep): void {
    const line = this.#ledgerAt(tenant, stream);
    line.received += rows.length;
    if (isResent) {
      line.duplicate += rows.length;
      return;
    }
    const definitions = this.control?.rollups.filter((rollup) => rollup.stream === stream) ?? [];
    for (const event of rows) {
      if (this.#isDuplicate(tenant, stream, event)) {
        line.duplicate += 1;
        continue;
      }
      line.applied += 1;
      const ts = typeof event['ts'] === 'number' ? event['ts'] : this.#nowMs;
      const isAhead = ts > this.#nowMs + FUTURE_MS;
      const isExpired = ts < this.#nowMs - 100 * DAY_MS;
      if (definitions.length > 0 && isAhead) line.clamped += 1;
      if (definitions.length > 0 && isExpired && isUnfiltered(definitions)) line.expired += 1;
      if (isExpired) continue;
      for (const definition of definitions) {
        this.#count(definition, tenant, event, isAhead ? this.#nowMs : ts);
      }
    }
  }

  #isDuplicate(tenant: string, stream: string, { id }: PlainEvent): boolean {
    if (typeof id !== 'string') return false;
    const key = `${tenant}/${stream}/${id}`;
    const isKnown = this.#seen.has(key);
    this.#seen.add(key);
    return isKnown;
  }

  #count(definition: RollupDefinition, tenant: string, event: PlainEvent, timeMs: number): void {
    const { name, filter, dimensions } = definition;
    const passes = filter.every((f) => f.in.includes(String(event[f.field])));
    if (!passes) return;
    const minutes = getOr(this.rollups, `${name}/${tenant}`, () => new Map());
    const minute = Math.floor(timeMs / MINUTE_MS) * MINUTE_MS;
    const series = getOr(minutes, minute, () => new Map<string, Point>());
    const labels = JSON.stringify(dimensions.map((field) => labelOf(event[field])));
    const point = getOr(
      series,
      labels,
      (): Point => ({
        count: 0,
        sum: 0,
        numbers: [],
        timed: [],
        users: new Set<string>(),
      }),
    );
    point.count += 1;
    const n = event['n'];
    if (typeof n === 'number') {
      point.sum += n;
      point.numbers.push(n);
      point.timed.push({ timeMs, n });
    }
    const user = event['user'];
    if (typeof user === 'string') point.users.add(user);
  }

  #ledgerAt(tenant: string, stream: string): LedgerPoint {
    const key = `${tenant}/${stream}/${hourOf(this.#nowMs)}`;
    return getOr(this.ledger, key, () => ({
      received: 0,
      applied: 0,
      duplicate: 0,
      rejected: 0,
      clamped: 0,
      expired: 0,
    }));
  }
}

/** Among the stream's rollups is one that wants every event; all of them share their longest retention. */
const isUnfiltered = (definitions: readonly RollupDefinition[]): boolean =>
  definitions.some(({ filter }) => filter.length === 0);

const labelOf = (value: Value | undefined): string | null =>
  value === null || value === undefined ? null : String(value);
