/**
 * Holds the archive against the ledger of the server that writes it: what was applied, by stream and hour of arrival, is in the
 * archive's files, or waits in the log. Erased events and hours that are kept no longer are not missing.
 */
import type { Manifest } from '../../storage/archive/manifest.ts';
import type { Stretch } from '../model/erasure.ts';
import { AppError } from '../model/errors.ts';
import { DAY_MS, HOUR_MS } from '../model/units.ts';
import type { AskServer } from './ask-server.ts';
import type { Finding } from './segments-verify.ts';

export interface LedgerComparison {
  /** The key's: a server shows nobody else's ledger. */
  readonly tenant: string;
  /** Events that the ledger has of these hours, the erased ones left out. */
  readonly events: number;
  /** Of them, in the log and not in the archive. */
  readonly waiting: number;
  /** In the archive, and not the ledger's: events of the log that a restore has left out. */
  readonly beyond: number;
  readonly findings: readonly Finding[];
}

export interface LedgerSide {
  readonly server: AskServer;
  readonly load: () => Promise<Manifest>;
  /** How long the archive keeps hours of a stream, from their end. */
  readonly keptMs: (of: { readonly tenant: string; readonly stream: string }) => number;
  /** Positions of which the ledger has no line: `OwnCommits.leftOut`. */
  readonly leftOut: readonly Stretch[];
  readonly nowMs: number;
  readonly sleep: (ms: number) => Promise<unknown>;
}

/** The server keeps lines for 400 days. */
const LINES_KEPT_MS = 399 * DAY_MS;
/** An erasure or a cut that is under way looks like a difference: what is none is gone when it is looked at again. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 3_000;
/** Hours of one stream that are counted with the log at once: as many rows as the server answers. */
const HOURS_COUNTED_MAX = 1_000;
/** Where the ledger counts streams of which an hour has too many. */
const OTHER_STREAMS = '__other__';

export async function compareWithLedger(side: LedgerSide): Promise<LedgerComparison> {
  for (let look = 1; ; look++) {
    const found = await compare(side);
    if (found.findings.length === 0) return found;
    if (look === LOOKS) {
      await refuseBesideErasure(side.server);
      return found;
    }
    await side.sleep(LOOK_AGAIN_MS);
  }
}

/** Throws if one is under way: hour after hour it takes events out of the archive, and tells the ledger. */
async function refuseBesideErasure(server: AskServer): Promise<void> {
  interface Answer {
    readonly erasures: readonly { readonly id: string; readonly state: string }[];
  }
  // A key that may only read is not told of erasures.
  const { erasures } = await server
    .ask<Answer>('{ erasures { id state } }')
    .catch(() => ({ erasures: [] }));
  const running = erasures.find(({ state }) => ERASING.has(state));
  if (running === undefined) return;
  throw new AppError(
    'query_overload',
    `events are being erased (erasure ${running.id}): verify again when that is done`,
  );
}

const ERASING: ReadonlySet<string> = new Set(['log', 'deadLetters', 'archive']);

/** One stream's hour. */
interface Entry {
  readonly stream: string;
  readonly hourMs: number;
  /** As the ledger has it. */
  readonly events: number;
  /** In the archive's files, as the manifest has it. */
  readonly archived: number;
  /** Of these files some may hold events that the ledger does not count. */
  readonly mayHoldBeyond: boolean;
}

async function compare({
  server,
  load,
  keptMs,
  leftOut,
  nowMs,
}: LedgerSide): Promise<LedgerComparison> {
  const manifest = await load();
  const fromMs = Math.max(firstHour(manifest) ?? nowMs - DAY_MS, nowMs - LINES_KEPT_MS);
  const ledger = await readLedger(server, fromMs);
  const { tenant } = ledger;
  const entries = entriesOf(ledger, manifest, leftOut).filter(
    ({ stream, hourMs }) => hourMs + HOUR_MS + keptMs({ tenant, stream }) > nowMs,
  );
  const plain = withoutMoved(entries.filter(({ mayHoldBeyond }) => !mayHoldBeyond));
  const different = [
    ...plain.filter(({ events, archived }) => events !== archived),
    ...entries.filter(({ mayHoldBeyond }) => mayHoldBeyond),
  ];
  const findings: Finding[] = [];
  let waiting = 0;
  let beyond = 0;
  for (const some of countedTogether(different)) {
    const counted = await countAll(server, some, leftOut, ledger.position);
    if (counted instanceof AppError) {
      findings.push(...some.map((entry) => findingOf(tenant, entry, counted.message)));
      continue;
    }
    // While it was counted more came, or was erased.
    const later = await readLedger(server, Math.min(...some.map(({ hourMs }) => hourMs)));
    for (const each of some) {
      const [total, apart] = counted.get(each.hourMs) ?? [0, 0];
      const entry = { ...each, archived: each.archived - apart };
      beyond += apart;
      const after = later.events.get(keyOf(entry)) ?? 0;
      const isBetween =
        total >= Math.min(entry.events, after) && total <= Math.max(entry.events, after);
      if (isBetween && entry.archived <= total) waiting += total - entry.archived;
      else findings.push(findingOf(tenant, entry, `${total - entry.archived} more`));
    }
  }
  const events = entries.reduce((sum, entry) => sum + entry.events, 0);
  return { tenant, events, waiting, beyond, findings };
}

function firstHour({ files }: Manifest): number | undefined {
  let first: number | undefined;
  for (const { hourMs } of files.values()) first = Math.min(first ?? hourMs, hourMs);
  return first;
}

interface Ledger {
  readonly tenant: string;
  /** By `keyOf`. */
  readonly events: ReadonlyMap<string, number>;
  readonly lines: readonly { readonly stream: string; readonly hourMs: number }[];
  readonly position: string;
}

interface LedgerAnswer {
  readonly ledgerLines: {
    readonly tenant: string;
    readonly position: string;
    readonly nextFrom: number | null;
    readonly lines: readonly {
      readonly stream: string;
      readonly hour: number;
      readonly applied: number;
      readonly erased: number;
    }[];
  };
}

async function readLedger(server: AskServer, fromMs: number): Promise<Ledger> {
  const query = `query ($from: Timestamp!) {
    ledgerLines(from: $from) { tenant position nextFrom lines { stream hour applied erased } }
  }`;
  const events = new Map<string, number>();
  const lines: { stream: string; hourMs: number }[] = [];
  for (let from = fromMs; ; ) {
    const { ledgerLines: page } = await server.ask<LedgerAnswer>(query, { from });
    for (const { stream, hour, applied, erased } of page.lines) {
      lines.push({ stream, hourMs: hour });
      events.set(keyOf({ stream, hourMs: hour }), applied - erased);
    }
    const { tenant, position, nextFrom } = page;
    if (nextFrom === null) return { tenant, events, lines, position };
    from = nextFrom;
  }
}

/** Hours of which the ledger has not every stream's line are left out: their sum says nothing of a stream. */
function entriesOf(
  { tenant, events, lines }: Ledger,
  { files }: Manifest,
  leftOut: readonly Stretch[],
): Entry[] {
  const incomplete = new Set(
    lines.filter(({ stream }) => stream === OTHER_STREAMS).map(({ hourMs }) => hourMs),
  );
  const archived = new Map<string, number>();
  const beyond = new Set<string>();
  const places = new Map(lines.map((line) => [keyOf(line), line]));
  for (const { tenant: owner, stream, hourMs, rows, from, to } of files.values()) {
    if (owner !== tenant) continue;
    const key = keyOf({ stream, hourMs });
    archived.set(key, (archived.get(key) ?? 0) + rows);
    places.set(key, { stream, hourMs });
    if (leftOut.some((stretch) => from < stretch[1] && to > stretch[0])) beyond.add(key);
  }
  return Array.from(places, ([key, place]) => ({
    ...place,
    events: events.get(key) ?? 0,
    archived: archived.get(key) ?? 0,
    mayHoldBeyond: beyond.has(key),
  })).filter(({ hourMs }) => !incomplete.has(hourMs));
}

/**
 * The ledger counts by the latest arrival that a partition has seen. Where clocks were set back, or those of two edges differ,
 * events stand in it an hour later than in the archive: just as many are too many here and missing there.
 */
function withoutMoved(entries: readonly Entry[]): Entry[] {
  const sorted = [...entries].sort(
    (a, b) => (a.stream < b.stream ? -1 : Number(a.stream > b.stream)) || a.hourMs - b.hourMs,
  );
  const moved = new Set<Entry>();
  for (const [i, entry] of sorted.entries()) {
    const next = sorted[i + 1];
    if (next === undefined || next.stream !== entry.stream || moved.has(entry)) continue;
    const surplus = entry.archived - entry.events;
    if (surplus <= 0 || next.events - next.archived !== surplus) continue;
    moved.add(entry).add(next);
  }
  return sorted.filter((entry) => !moved.has(entry));
}

/** In the archive and in the log behind it, by hour, and apart from these in `leftOut`; all that is applied before `position` is in it. */
async function countAll(
  server: AskServer,
  entries: readonly Entry[],
  leftOut: readonly Stretch[],
  position: string,
): Promise<ReadonlyMap<number, readonly [counted: number, beyond: number]> | AppError> {
  const stream = entries[0]?.stream ?? '';
  const hours = entries.map(({ hourMs }) => hourMs);
  const from = new Date(Math.min(...hours)).toISOString().replace('T', ' ').replace('Z', '');
  // By its number from 1970 on: a thousand of them are a short list.
  const hour = `epoch_ms(_arrival) // ${HOUR_MS}`;
  const stretches = leftOut.map(([from, to]) => `_position >= ${from} AND _position < ${to}`);
  const isBeyond = stretches.length === 0 ? 'false' : stretches.join(' OR ');
  const query = `SELECT ${hour} * ${HOUR_MS}.0, count(*) FILTER (NOT (${isBeyond}))::DOUBLE,
      count(*) FILTER (${isBeyond})::DOUBLE
    FROM "${stream.replaceAll('"', '""')}" WHERE _arrival >= TIMESTAMP '${from}'
      AND ${hour} IN (${hours.map((hourMs) => hourMs / HOUR_MS).join()})
    GROUP BY 1`;
  try {
    const { sql } = await server.ask<{
      sql: { readonly rows: readonly (readonly [hour: number, counted: number, beyond: number])[] };
    }>(
      `query ($query: String!, $limit: Int!, $position: String) {
        sql(query: $query, limit: $limit, position: $position) { rows }
      }`,
      { query, limit: HOURS_COUNTED_MAX, position },
    );
    return new Map(sql.rows.map(([hourMs, counted, beyond]) => [hourMs, [counted, beyond]]));
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}

/** Of one stream each, and as many as one statement counts. */
function countedTogether(entries: readonly Entry[]): Entry[][] {
  const groups: Entry[][] = [];
  const open = new Map<string, Entry[]>();
  for (const entry of entries) {
    let group = open.get(entry.stream);
    if (group === undefined || group.length === HOURS_COUNTED_MAX) {
      group = [];
      groups.push(group);
      open.set(entry.stream, group);
    }
    group.push(entry);
  }
  return groups;
}

/** `inLog`: what is there beside, or why that is not known. */
function findingOf(
  tenant: string,
  { stream, hourMs, events, archived }: Entry,
  inLog: string,
): Finding {
  const hour = `${new Date(hourMs).toISOString().slice(0, 13)}Z`;
  return {
    path: `${tenant}/${stream}, arrived ${hour}`,
    problem: `the ledger has ${events} events, the archive ${archived}; in the log: ${inLog}`,
  };
}

const keyOf = ({ stream, hourMs }: { readonly stream: string; readonly hourMs: number }): string =>
  `${hourMs} ${stream}`;
