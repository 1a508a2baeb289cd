/** What a partition has committed, read back: everything that a new machine starts from. */

import { layoutOf } from '../../src/aggregate/layout.ts';
import type { StoredSessions } from '../../src/aggregate/open-sessions.ts';
import type { StoredRow } from '../../src/aggregate/rollup.ts';
import { openRanges } from '../../src/aggregate/tiers.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupsControl } from '../../src/model/rollup.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import { decodeFieldRow, decodeStreamRow } from '../../storage/state/field-rows.ts';
import {
  deadLetterCountRange,
  deadLetterCountTenant,
  definitionsKey,
  fieldRange,
  ledgerRange,
  liveRollupRange,
  parseFieldKey,
  parseLedgerKey,
  parseLiveRollupKey,
  parseRollupRowKey,
  parseSessionKey,
  partitionStateKey,
  rollupRowRange,
  seriesIdOf,
  seriesRange,
  sessionRange,
  tenantOf,
  tenantsAfter,
} from '../../storage/state/keys.ts';
import { decodeLedger, decodeSeriesLabels, parseJson } from '../../storage/state/rows.ts';
import { decodeSessionRow } from '../../storage/state/session-rows.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import type { GenerationMark } from './dedup.ts';
import { type Definitions, rollupWatermark } from './definitions.ts';
import { NO_FIELDS, type StoredFields } from './fields.ts';
import { hourOf, type LedgerLine } from './ledger.ts';
import type { ProducerMark } from './producers.ts';
import type { SeriesLabels } from './protocol.ts';
import type { RollupContent } from './rollups.ts';
import type { SessionContent } from './sessions.ts';

/** The row that says how far a partition is. */
export interface PartitionState {
  readonly position: number;
  readonly watermarkMs: number;
  readonly nowMs: number;
  readonly producers: readonly ProducerMark[];
  readonly generations: readonly GenerationMark[];
  /** `Fields.paidToMs`; absent before the first look. */
  readonly fieldsPaidToMs?: number | undefined;
}

export interface PartitionSnapshot extends PartitionState {
  readonly definitions: Definitions | undefined;
  readonly rollups: readonly RollupContent[];
  readonly sessions: readonly SessionContent[];
  /** All that have stored anything. */
  readonly tenants: readonly string[];
  /** Of the hour of `nowMs`. */
  readonly ledger: readonly LedgerLine[];
  readonly deadLetterCounts: ReadonlyMap<string, number>;
  readonly fields: StoredFields;
}

/** Of a partition that has never committed. */
export const EMPTY_SNAPSHOT: PartitionSnapshot = {
  position: 0,
  watermarkMs: Number.NEGATIVE_INFINITY,
  nowMs: 0,
  producers: [],
  generations: [],
  definitions: undefined,
  rollups: [],
  sessions: [],
  tenants: [],
  ledger: [],
  deadLetterCounts: new Map(),
  fields: NO_FIELDS,
};

/** JSON; the watermark before the first event is null. */
export const encodePartitionState = (state: PartitionState): Uint8Array =>
  Buffer.from(JSON.stringify(state));

export function decodePartitionState(row: Uint8Array): PartitionState {
  const state: unknown = parseJson('the state of a partition', row);
  if (!isPartitionState(state)) {
    throw new AppError('state_corrupt', 'the state of a partition lacks its position');
  }
  return { ...state, watermarkMs: state.watermarkMs ?? Number.NEGATIVE_INFINITY };
}

/** How far a partition is, and by which definitions; undefined before its first commit. */
export interface PartitionHead {
  readonly state: PartitionState;
  readonly definitions: Definitions | undefined;
}

export async function loadHead(
  store: StateReader,
  partition: number,
): Promise<PartitionHead | undefined> {
  const [stateRow, definitionsRow] = await store.getMany([
    partitionStateKey(partition),
    definitionsKey(partition),
  ]);
  if (stateRow === undefined) return undefined;
  const definitions = definitionsRow === undefined ? undefined : decodeDefinitions(definitionsRow);
  return { state: decodePartitionState(stateRow), definitions };
}

/** Reads the newest commit. */
export async function loadSnapshot(
  store: StateReader,
  partition: number,
): Promise<PartitionSnapshot> {
  const head = await loadHead(store, partition);
  if (head === undefined) return EMPTY_SNAPSHOT;
  const { state, definitions } = head;
  const tenants = await loadTenants(store, partition);
  return {
    ...state,
    definitions,
    rollups: await loadRollups(store, partition, definitions, state.watermarkMs),
    sessions: await loadSessions(store, partition, definitions, tenants),
    tenants,
    ledger: await loadLedger(store, partition, tenants, hourOf(state.nowMs)),
    deadLetterCounts: await loadDeadLetterCounts(store, partition),
    fields: await loadFields(store, partition, tenants),
  };
}

/** All live rollups with what their states need; also after a definition has changed. */
export async function loadRollups(
  store: StateReader,
  partition: number,
  definitions: Definitions | undefined,
  watermarkMs: number,
): Promise<RollupContent[]> {
  const contents: RollupContent[] = [];
  for await (const { key } of scan(store, liveRollupRange(partition))) {
    const { tenant, rollup } = parseLiveRollupKey(key);
    const definition = definitions?.rollups.find(({ name }) => name === rollup);
    if (definition === undefined) continue;
    const closedMs = rollupWatermark(definitions, rollup, watermarkMs);
    const series: SeriesLabels[] = [];
    for await (const row of scan(store, seriesRange(partition, tenant, rollup))) {
      series.push({ id: seriesIdOf(row.key), labels: decodeSeriesLabels(row.value) });
    }
    const rows: StoredRow[] = [];
    const groups = layoutOf(definition).sketches.length + 1;
    for (const { stepMs, fromMs, toMs } of openRanges(definition, closedMs)) {
      for (let group = 0; group < groups; group++) {
        const at = { partition, tenant, rollup, stepMs, group };
        const range = rollupRowRange(at, Math.max(0, fromMs), Math.min(toMs, BUCKET_MS_MAX));
        for await (const row of scan(store, range)) {
          const { bucketMs } = parseRollupRowKey(row.key);
          rows.push({ stepMs, group, bucketMs, bytes: row.value });
        }
      }
    }
    contents.push({ tenant, rollup, series, rows });
  }
  return contents;
}

/** All open sessions, of all tenants that have stored anything. */
export async function loadSessions(
  store: StateReader,
  partition: number,
  definitions: Definitions | undefined,
  tenants?: readonly string[],
): Promise<SessionContent[]> {
  const contents: SessionContent[] = [];
  for (const { name } of definitions?.sessions ?? []) {
    for (const tenant of tenants ?? (await loadTenants(store, partition))) {
      const users: StoredSessions[] = [];
      for await (const { key, value } of scan(store, sessionRange(partition, tenant, name))) {
        users.push({ user: parseSessionKey(key).user, sessions: decodeSessionRow(value) });
      }
      if (users.length > 0) contents.push({ tenant, name, users });
    }
  }
  return contents;
}

/** Greatest bucket time that a key holds. */
const BUCKET_MS_MAX = 2 ** 48 - 1;

async function loadLedger(
  store: StateReader,
  partition: number,
  tenants: readonly string[],
  hourMs: number,
): Promise<LedgerLine[]> {
  const lines: LedgerLine[] = [];
  for (const tenant of tenants) {
    const range = ledgerRange(partition, tenant, hourMs, hourMs + HOUR_MS);
    for await (const { key, value } of scan(store, range)) {
      lines.push({ ...parseLedgerKey(key), ...decodeLedger(value) });
    }
  }
  return lines;
}

/** Found by jumping from one to the next. */
async function loadTenants(store: StateReader, partition: number): Promise<string[]> {
  const tenants: string[] = [];
  let range = tenantsAfter(partition);
  for (;;) {
    const [first] = await store.page(range, 1);
    if (first === undefined) return tenants;
    const tenant = tenantOf(first.key);
    tenants.push(tenant);
    range = tenantsAfter(partition, tenant);
  }
}

async function loadFields(
  store: StateReader,
  partition: number,
  tenants: readonly string[],
): Promise<StoredFields> {
  const streams: StoredFields['streams'][number][] = [];
  const fields: StoredFields['fields'][number][] = [];
  for (const tenant of tenants) {
    for await (const { key, value } of scan(store, fieldRange(partition, tenant))) {
      const at = parseFieldKey(key);
      if (at.field === '') streams.push({ ...at, ...decodeStreamRow(value) });
      else fields.push({ ...at, ...decodeFieldRow(value) });
    }
  }
  return { streams, fields };
}

async function loadDeadLetterCounts(
  store: StateReader,
  partition: number,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for await (const { key, value } of scan(store, deadLetterCountRange(partition))) {
    const count = parseJson('a number of dead letters', value);
    counts.set(deadLetterCountTenant(key), typeof count === 'number' ? count : 0);
  }
  return counts;
}

function decodeDefinitions(row: Uint8Array): Definitions {
  const definitions = parseJson('the definitions of rollups', row);
  if (!isRollupsControl(definitions)) {
    throw new AppError('state_corrupt', 'the definitions of rollups are not of type "setRollups"');
  }
  return definitions;
}

/** What the control block's writer has checked in depth is only told apart here. */
export const isRollupsControl = (value: unknown): value is RollupsControl =>
  typeof value === 'object' &&
  value !== null &&
  'type' in value &&
  value.type === 'setRollups' &&
  'rollups' in value &&
  Array.isArray(value.rollups);

const isPartitionState = (
  value: unknown,
): value is Omit<PartitionState, 'watermarkMs'> & { readonly watermarkMs: number | null } =>
  typeof value === 'object' &&
  value !== null &&
  'position' in value &&
  Number.isSafeInteger(value.position);
