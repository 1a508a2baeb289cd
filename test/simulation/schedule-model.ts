/**
 * What a schedule must come to, with nothing but maps and lists: of the log it takes which events lie where, in which order, and when
 * they came; all that they say it has from who sent them.
 */
import assert from 'node:assert/strict';
import { hourOf } from '../../actors/partition/ledger.ts';
import { isRollupsControl } from '../../actors/partition/snapshot.ts';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { OVERFLOW_LABEL } from '../../src/aggregate/series-index.ts';
import { type Block, readControl } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { type EventTimeRule, ruleFor } from '../../src/model/event-time.ts';
import type { RollupDefinition, RollupsControl } from '../../src/model/rollup.ts';
import type { PlainEvent } from '../aggregate/event-blocks.ts';
import { getOr } from './get-or.ts';
import type { Shipment } from './schedule-traffic.ts';

/** An event that a rollup counts, when, and in which series. */
export interface Counted {
  readonly timeMs: number;
  /** In the order of the rollup's dimensions. */
  readonly labels: readonly (string | null)[];
  readonly event: PlainEvent;
}

export interface LedgerCounts {
  received: number;
  applied: number;
  duplicate: number;
  rejected: number;
  clamped: number;
  expired: number;
}

/** What the edge makes of an event: when it happened, or that it is refused. */
interface Judged {
  readonly event: PlainEvent;
  readonly timeMs: number;
  readonly isRefused: boolean;
}

/** What was counted of a tenant in one partition, and the series that there are, in JSON. */
interface RollupRows {
  readonly series: Set<string>;
  readonly counted: Counted[];
}

interface PartitionModel {
  nowMs: number;
  control: RollupsControl | undefined;
  /** `rollup/tenant` */
  readonly rollups: Map<string, RollupRows>;
  readonly ids: Set<string>;
}

/** A clock that is wrong by less is taken for right: the request was on its way for as long. */
const CLOCK_TOLERANCE_MS = 5_000;
/** Further ahead of its arrival an event counts as if it had just happened. */
const FUTURE_MS = 60_000;
/** Longer ago than most rollups wait. */
const LATE_MS = 10_000;

const columns = new BlockColumns();

export class ScheduleModel {
  /** `tenant/stream/hour of arrival` */
  readonly ledger = new Map<string, LedgerCounts>();
  /** How often each event has come into the log, copies of blocks not counted, by its name. */
  readonly logged = new Map<string, number>();
  /** By all attempts, as the edge counts them. */
  timesClamped = 0;
  timesCorrected = 0;
  copies = 0;
  /** Events that were counted well after their time. */
  late = 0;
  readonly #rules: readonly EventTimeRule[];
  readonly #partitions: readonly PartitionModel[];
  /** Of the newest attempt to send each. */
  readonly #judged = new Map<string, Judged>();

  constructor(partitions: number, rules: readonly EventTimeRule[]) {
    this.#rules = rules;
    this.#partitions = Array.from({ length: partitions }, () => ({
      nowMs: 0,
      control: undefined,
      rollups: new Map(),
      ids: new Set(),
    }));
  }

  /** To be called before it is sent. Answers how many of its events are refused. */
  attempt(shipment: Shipment, nowMs: number): number {
    const { tenant, stream, events, skewMs, tellsTime } = shipment;
    const offsetMs = tellsTime && Math.abs(skewMs) > CLOCK_TOLERANCE_MS ? -skewMs : 0;
    const rule = ruleFor(this.#rules, tenant, stream) ?? {};
    let refused = 0;
    for (const event of events) {
      const saidMs = typeof event['ts'] === 'number' ? event['ts'] + offsetMs : nowMs;
      const aheadMs = saidMs - nowMs;
      const limit = aheadMs > 0 ? rule.future : rule.past;
      const policy = Math.abs(aheadMs) > (limit?.beyondMs ?? 0) ? limit?.policy : undefined;
      const isRefused = event['type'] === undefined || policy === 'deadLetter';
      const timeMs = policy === 'clamp' ? nowMs : saidMs;
      this.#judged.set(nameOf(event), { event, timeMs, isRefused });
      if (isRefused) refused += 1;
      else if (policy === 'clamp') this.timesClamped += 1;
    }
    if (offsetMs !== 0) this.timesCorrected += events.length - refused;
    return refused;
  }

  /** To be called with each block as it comes into the log. */
  add(block: Block, isCopy: boolean): void {
    const partition = this.#partitions[block.partition] as PartitionModel;
    partition.nowMs = Math.max(partition.nowMs, block.arrivalMs);
    if (isCopy) this.copies += 1;
    if (block.kind === BLOCK_KIND.control) this.#declare(partition, readControl(block));
    else if (block.kind === BLOCK_KIND.deadLetters) this.#refuse(partition, block, isCopy);
    else if (block.kind === BLOCK_KIND.events) this.#count(partition, block, isCopy);
  }

  /** Of all partitions. */
  counted(rollup: string, tenant: string): Counted[] {
    return this.#partitions.flatMap(
      ({ rollups }) => rollups.get(`${rollup}/${tenant}`)?.counted ?? [],
    );
  }

  #declare(partition: PartitionModel, control: unknown): void {
    assert(isRollupsControl(control));
    const before = partition.control;
    if (before !== undefined && control.version <= before.version) return;
    for (const key of partition.rollups.keys()) {
      const isIt = ({ name }: RollupDefinition) => key.startsWith(`${name}/`);
      const [old, next] = [before?.rollups.find(isIt), control.rollups.find(isIt)];
      // Nothing else that changes here decides which events its rows have.
      const goesOn = next !== undefined && String(old?.dimensions) === String(next.dimensions);
      if (!goesOn) partition.rollups.delete(key);
    }
    partition.control = control;
  }

  #refuse({ nowMs }: PartitionModel, block: Block, isCopy: boolean): void {
    const { text, codes } = columns.load(block).texts('raw') ?? assert.fail('no texts');
    for (let row = 0; row < block.rows; row++) {
      const name = /"e":"(\w+)"/.exec(text(codes[row] as number))?.[1] ?? '';
      const { isRefused } = this.#judgedAs(name, isCopy);
      assert(isRefused || isCopy, `${name} was refused`);
    }
    const line = this.#lineOf(block, nowMs);
    line.received += block.rows;
    line[isCopy ? 'duplicate' : 'rejected'] += block.rows;
  }

  #count(partition: PartitionModel, block: Block, isCopy: boolean): void {
    const { tenant, stream, rows } = block;
    const { nowMs, control } = partition;
    const { text, codes } = columns.load(block).texts('e') ?? assert.fail('no texts');
    const line = this.#lineOf(block, nowMs);
    line.received += rows;
    const fresh: Judged[] = [];
    for (let row = 0; row < rows; row++) {
      const judged = this.#judgedAs(text(codes[row] as number), isCopy);
      if (isCopy || this.#isDuplicate(partition, block, judged)) {
        line.duplicate += 1;
        continue;
      }
      assert.equal(judged.isRefused, false, `${nameOf(judged.event)} was taken`);
      line.applied += 1;
      fresh.push(judged);
      if (judged.timeMs < nowMs - LATE_MS) this.late += 1;
    }
    const counts = (control?.rollups ?? [])
      .filter((each) => each.stream === stream && (each.tenant ?? tenant) === tenant)
      .map((definition) => {
        const rowsOf = getOr(partition.rollups, `${definition.name}/${tenant}`, newRows);
        return countIn(definition, rowsOf, fresh, nowMs);
      });
    if (counts.length === 0) return;
    line.clamped += Math.max(...counts.map(({ clamped }) => clamped));
    // What no rollup could take, as that says which looks at the most events.
    const most = Math.max(...counts.map(({ passed }) => passed));
    const looking = counts.filter(({ passed }) => passed === most);
    line.expired += Math.min(...looking.map(({ expired }) => expired));
  }

  /** Each event comes into the log once by each attempt, but for copies of blocks. */
  #judgedAs(name: string, isCopy: boolean): Judged {
    const judged = this.#judged.get(name) ?? assert.fail(`nobody has sent "${name}"`);
    if (!isCopy) this.logged.set(name, (this.logged.get(name) ?? 0) + 1);
    return judged;
  }

  #isDuplicate({ ids }: PartitionModel, { tenant, stream }: Block, { event }: Judged): boolean {
    if (typeof event['id'] !== 'string') return false;
    const key = `${tenant}/${stream}/${event['id']}`;
    const isKnown = ids.has(key);
    ids.add(key);
    return isKnown;
  }

  #lineOf({ tenant, stream }: Block, nowMs: number): LedgerCounts {
    const zero = { received: 0, applied: 0, duplicate: 0, rejected: 0, clamped: 0, expired: 0 };
    return getOr(this.ledger, `${tenant}/${stream}/${hourOf(nowMs)}`, () => zero);
  }
}

interface RollupCounts {
  passed: number;
  clamped: number;
  expired: number;
}

function countIn(
  { filter, dimensions, seriesMax, resolutions }: RollupDefinition,
  { series, counted }: RollupRows,
  events: readonly Judged[],
  nowMs: number,
): RollupCounts {
  const counts = { passed: 0, clamped: 0, expired: 0 };
  for (const { event, timeMs } of events) {
    if (!filter.every(({ field, in: values }) => values.includes(String(event[field])))) continue;
    counts.passed += 1;
    const isAhead = timeMs > nowMs + FUTURE_MS;
    if (isAhead) counts.clamped += 1;
    const labels = dimensions.map((field) => textOf(event, field));
    const name = JSON.stringify(labels);
    const hasSeries = series.has(name) || series.size < seriesMax;
    if (hasSeries) series.add(name);
    const isKept = resolutions.some(({ stepMs, retentionMs }) => {
      const endMs = Math.floor(timeMs / stepMs) * stepMs + stepMs;
      return endMs + retentionMs > nowMs;
    });
    if (!isKept) {
      counts.expired += 1;
      continue;
    }
    const overflow = dimensions.map(() => OVERFLOW_LABEL);
    const at = { timeMs: isAhead ? nowMs : timeMs, labels: hasSeries ? labels : overflow };
    counted.push({ ...at, event });
  }
  return counts;
}

export function textOf(event: PlainEvent, field: string): string | null {
  const value = event[field];
  return value === null || value === undefined ? null : String(value);
}

const nameOf = (event: PlainEvent): string => String(event['e']);

const newRows = (): RollupRows => ({ series: new Set(), counted: [] });
