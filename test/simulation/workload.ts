/** Seed -> the log of one partition, with everything that senders, edges and clocks do to one. */
import { packControl, packHeartbeat } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import type { RollupDefinition, RollupsControl } from '../../src/model/rollup.ts';
import { offset } from '../../src/model/units.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import { eventBlock, type PlainEvent } from '../aggregate/event-blocks.ts';
import { Random } from './random.ts';

export const TENANTS = ['acme', 'b'] as const;
export const STREAMS = ['events', 'other', 'unwatched'] as const;
const TYPES = ['view', 'click', 'buy'] as const;
const COUNTRIES = ['de', 'fr', null] as const;

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Late events reach back this far at most, which every rollup's minutes still hold; or so far that none does. */
const LATE_MS_MAX = 90 * MINUTE_MS;
const EXPIRED_MS = 400 * DAY_MS;
/** Steps before now among which is what comes again. */
const RESENT_FROM = 40;
const START_MS = Date.UTC(2026, 0, 1) + 12_345_678;

/** What a block says, for the model; `logged` says the same to the machine. */
export type Step = { readonly logged: LoggedBlock; readonly nowMs: number } & (
  | {
      readonly kind: 'events' | 'deadLetters';
      readonly tenant: string;
      readonly stream: string;
      readonly rows: readonly PlainEvent[];
      /** A copy of an earlier block, as a whole. */
      readonly isResent: boolean;
    }
  | { readonly kind: 'control'; readonly control: RollupsControl }
  | { readonly kind: 'heartbeat' }
);

type DataStep = Extract<Step, { kind: 'events' | 'deadLetters' }>;

const RESOLUTIONS = [
  { stepMs: SECOND_MS, retentionMs: 10 * MINUTE_MS },
  { stepMs: MINUTE_MS, retentionMs: 2 * DAY_MS },
  { stepMs: 15 * MINUTE_MS, retentionMs: 30 * DAY_MS },
];

const FULL: RollupDefinition = {
  name: 'full',
  stream: 'events',
  filter: [],
  dimensions: ['type', 'country'],
  measures: [
    { op: 'count' },
    { op: 'sum', field: 'n' },
    { op: 'max', field: 'n' },
    { op: 'quantile', field: 'n' },
    { op: 'distinct', field: 'user' },
    { op: 'first', field: 'n' },
    { op: 'last', field: 'n' },
  ],
  resolutions: RESOLUTIONS,
  latenessMs: 10_000,
  seriesMax: 100,
};
const FILTERED: RollupDefinition = {
  ...FULL,
  name: 'filtered',
  filter: [{ field: 'type', in: ['buy', 'click'] }],
  dimensions: [],
  measures: [{ op: 'count' }],
};
const OTHER: RollupDefinition = {
  ...FULL,
  name: 'other',
  stream: 'other',
  dimensions: ['type'],
  measures: [{ op: 'count' }, { op: 'sum', field: 'n' }],
  latenessMs: 0,
};

export const FROZEN: RollupDefinition = {
  ...FULL,
  name: 'frozen',
  dimensions: ['type', 'country', 'user'],
  normalize: ['user'],
  tenant: 'acme',
  frozen: true,
};

export class Workload {
  readonly steps: Step[] = [];
  readonly #random: Random;
  #nowMs = START_MS;
  #at: number;
  #sequence = 0;
  #epoch = 1;
  #nextId = 0;
  #version = 0;
  #rollups: readonly RollupDefinition[] = [FULL, FILTERED, OTHER, FROZEN];
  /** Chance of its own: logs of known seeds stay what they are. */
  readonly #frozenRandom: Random;

  constructor(random: Random, blocks: number) {
    this.#random = random;
    this.#frozenRandom = new Random(blocks);
    this.#at = random.int(0, 3) * 8;
    this.#addControl();
    // States begin with a watermark: what is too old is then late from the first event on.
    this.#addHeartbeat();
    while (this.steps.length < blocks) this.#addOne();
  }

  #addOne(): void {
    const random = this.#random;
    this.#passTime();
    const kind = random.next();
    if (kind < 0.68) this.#addEvents();
    else if (kind < 0.78) this.#addHeartbeat();
    else if (kind < 0.86) this.#addDeadLetters();
    else if (kind < 0.93) this.#resend();
    else if (kind < 0.97) this.#changeRollups();
    else this.#startAnew();
  }

  /** Mostly little by little; sometimes nobody sends for a while, and sometimes the edge's clock goes back. */
  #passTime(): void {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.05) this.#nowMs += random.int(1, 40) * MINUTE_MS;
    else if (kind < 0.1) this.#nowMs -= random.int(1, 5_000);
    else this.#nowMs += random.int(0, 2_500);
  }

  #addEvents(): void {
    const random = this.#random;
    const rows = Array.from({ length: random.int(1, random.chance(0.1) ? 60 : 12) }, () =>
      this.#event(),
    );
    this.#addData('events', random.pick(TENANTS), random.pick(STREAMS), rows);
  }

  #event(): PlainEvent {
    const random = this.#random;
    const id = this.#id();
    return {
      ...(id === null ? {} : { id }),
      ...(random.chance(0.05) ? {} : { ts: this.#eventTime() }),
      type: random.pick(TYPES),
      country: random.pick(COUNTRIES),
      user: random.chance(0.1) ? null : `u${random.int(0, 60)}`,
      // Multiples of 1/4: their sums are exact in every order.
      n: random.chance(0.1) ? null : random.int(-2_000, 8_000) / 4,
      ok: random.chance(0.5),
    };
  }

  /** New, or one of before: recent, in this very block, or old. */
  #id(): string | null {
    const random = this.#random;
    if (random.chance(0.1)) return null;
    if (this.#nextId > 0 && random.chance(0.15)) {
      const back = random.chance(0.7) ? random.int(0, 10) : random.int(0, this.#nextId - 1);
      return `id-${Math.max(0, this.#nextId - 1 - back)}`;
    }
    return `id-${this.#nextId++}`;
  }

  #eventTime(): number {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.8) return this.#nowMs - random.int(0, 9_000);
    if (kind < 0.84) return this.#nowMs + random.int(0, 59_000);
    if (kind < 0.87) return this.#nowMs + random.int(70_000, 2 * DAY_MS);
    if (kind < 0.9) return this.#nowMs - EXPIRED_MS - random.int(0, DAY_MS);
    return this.#nowMs - random.int(9_000, LATE_MS_MAX);
  }

  #addDeadLetters(): void {
    const random = this.#random;
    const rows = Array.from({ length: random.int(1, 5) }, (_, line) => ({
      code: random.pick(['invalid_json', 'missing_type']),
      message: 'not so',
      raw: `{"broken":${random.int(0, 1e6)}`,
      line,
    }));
    this.#addData('deadLetters', random.pick(TENANTS), random.pick(STREAMS), rows);
  }

  #addData(
    kind: DataStep['kind'],
    tenant: string,
    stream: string,
    rows: readonly PlainEvent[],
  ): void {
    const block = eventBlock(rows, {
      arrivalMs: this.#nowMs,
      tenant,
      stream,
      kind: BLOCK_KIND[kind],
      producerEpoch: this.#epoch,
      sequence: ++this.#sequence,
      rejected: kind === 'deadLetters' ? rows.length : 0,
    });
    const place = this.#log(block.bytes);
    this.steps.push({ ...place, kind, tenant, stream, rows, isResent: false });
  }

  /** The life of a producer ends, and the next one numbers its blocks from the beginning. */
  #startAnew(): void {
    this.#epoch += 1;
    this.#sequence = 0;
  }

  /** One of the newest blocks of data once more, perhaps of an earlier life, byte by byte; or only its events, in a block of their own. */
  #resend(): void {
    const recent = this.steps.slice(-RESENT_FROM).filter((step) => 'isResent' in step);
    if (recent.length === 0) return;
    const one = this.#random.pick(recent);
    if (this.#random.chance(0.5)) {
      const { kind, tenant, stream, rows } = one;
      this.#addData(kind, tenant, stream, rows);
      return;
    }
    this.steps.push({ ...one, ...this.#log(one.logged.bytes, one.nowMs), isResent: true });
  }

  #changeRollups(): void {
    const random = this.#random;
    const full = {
      ...FULL,
      latenessMs: random.pick([0, 10_000, 30_000]),
      seriesMax: random.pick([100, 200]),
      resolutions: RESOLUTIONS.map(({ stepMs, retentionMs }) => ({
        stepMs,
        // Not of the finest: whether its rows are swept before it grows again is up to the time of commits.
        retentionMs: stepMs === SECOND_MS ? retentionMs : retentionMs * random.int(1, 2),
      })),
    };
    const other = random.chance(0.3) ? { ...OTHER, dimensions: ['type', 'country'] } : OTHER;
    const ordinary = [full, ...(random.chance(0.7) ? [FILTERED] : []), other];
    this.#rollups = [...ordinary, ...this.#frozenRollups()];
    this.#addControl();
  }

  /** The same, with more room, with other rows, or none. */
  #frozenRollups(): RollupDefinition[] {
    const random = this.#frozenRandom;
    const kind = random.next();
    if (kind < 0.4) return [FROZEN];
    if (kind < 0.6) return [{ ...FROZEN, seriesMax: random.pick([100, 200]) }];
    if (kind < 0.8) return [{ ...FROZEN, latenessMs: random.pick([0, 5_000, 10_000]) }];
    if (kind < 0.9) return [{ ...FROZEN, filter: [{ field: 'type', in: ['buy'] }] }];
    return [];
  }

  #addControl(): void {
    // Versions that are not new are logged too: a change that was sent twice.
    const isNew = this.#version === 0 || this.#random.chance(0.9);
    if (isNew) this.#version += 1;
    const control = { type: 'setRollups', version: this.#version, rollups: this.#rollups } as const;
    const place = this.#log(packControl(this.#header(), control));
    this.steps.push({ ...place, kind: 'control', control });
  }

  #addHeartbeat(): void {
    this.steps.push({ ...this.#log(packHeartbeat(this.#header())), kind: 'heartbeat' });
  }

  #header() {
    return {
      partition: 0,
      arrivalMs: this.#nowMs,
      producerId: 1,
      producerEpoch: this.#epoch,
      sequence: ++this.#sequence,
    };
  }

  /** Other partitions' blocks lie between ours. */
  #log(bytes: Uint8Array, nowMs = this.#nowMs): Pick<Step, 'logged' | 'nowMs'> {
    const from = this.#at;
    const next = from + bytes.length;
    this.#at = next + (this.#random.chance(0.3) ? this.#random.int(1, 50) * 8 : 0);
    return {
      logged: { partition: 0, offset: offset(from), nextOffset: offset(next), bytes },
      nowMs,
    };
  }
}
