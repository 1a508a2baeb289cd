/** The open sessions of a partition: states for each tenant and definition, fed, ended, committed together. Pure. */
import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { OpenSessions, type StoredSessions } from '../../src/aggregate/open-sessions.ts';
import { type EndedSession, type SessionEnd, SessionRows } from '../../src/aggregate/session.ts';
import { type SessionDefinition, sessionIdentity } from '../../src/model/session.ts';
import { sessionKey } from '../../storage/state/keys.ts';
import { encodeSessionRow } from '../../storage/state/session-rows.ts';
import type { StateOp } from '../../storage/state/state.ts';
import type { MachineCounters } from './accounts.ts';

/** What is stored of one tenant's open sessions. */
export interface SessionContent {
  readonly tenant: string;
  readonly name: string;
  readonly users: readonly StoredSessions[];
}

interface Live {
  readonly tenant: string;
  readonly open: OpenSessions;
}

const NONE: readonly SessionDefinition[] = [];

export class Sessions {
  readonly #partition: number;
  readonly #counters: MachineCounters;
  #definitions: readonly SessionDefinition[];
  /** By name, then tenant. */
  readonly #live = new Map<string, Map<string, OpenSessions>>();
  /** Closed, and still stored: with the rows that a crash has to find, up to the commit that counts them. */
  readonly #closed: Live[] = [];

  constructor(partition: number, counters: MachineCounters, definitions = NONE) {
    this.#partition = partition;
    this.#counters = counters;
    this.#definitions = definitions;
  }

  /** Open ones. */
  get count(): number {
    let count = 0;
    for (const { open } of this.#all()) count += open.count;
    return count;
  }

  /** Takes back what was committed, and replaces what is in memory of it. */
  restore(contents: readonly SessionContent[]): void {
    this.#live.clear();
    for (const { tenant, name, users } of contents) {
      const definition = this.#definitions.find((each) => each.name === name);
      if (definition !== undefined) this.#openOf(tenant, definition).restore(users);
    }
  }

  /** Makes these the definitions. The sessions of one that is gone or means others are closed, and answered. */
  declare(definitions = NONE): SessionRows[] {
    const kept = new Set(definitions.map(sessionIdentity));
    const closed: SessionRows[] = [];
    for (const { tenant, open } of this.#all()) {
      const { definition } = open;
      if (kept.has(sessionIdentity(definition))) continue;
      this.#end(closed, tenant, definition, open.takeAll(), 'early');
      this.#closed.push({ tenant, open });
      this.#live.get(definition.name)?.delete(tenant);
    }
    this.#definitions = definitions;
    return closed;
  }

  /** `watermarkMs`: without the block. */
  fold(
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    watermarkMs: number,
    nowMs: number,
  ): void {
    for (const definition of this.#definitions) {
      const { tenant, stream } = columns.source;
      if (definition.stream !== stream) continue;
      const { late, unassigned } = this.#openOf(tenant, definition).fold(
        columns,
        keep,
        watermarkMs,
        nowMs,
      );
      this.#counters.sessionsLate += late;
      this.#counters.sessionsUnassigned += unassigned;
    }
  }

  /** What has ended by then; to be called whenever the watermark has moved or a block was folded. */
  endedBy(watermarkMs: number): readonly SessionRows[] {
    if (this.#live.size === 0) return [];
    const all: SessionRows[] = [];
    for (const { tenant, open } of this.#all()) {
      const { ended, early } = open.endedBy(watermarkMs);
      this.#end(all, tenant, open.definition, ended, 'gap');
      this.#end(all, tenant, open.definition, early, 'early');
    }
    return all;
  }

  changes(): StateOp[] {
    const ops: StateOp[] = [];
    for (const { tenant, open } of [...this.#closed, ...this.#all()]) {
      const { name } = open.definition;
      for (const { user, sessions } of open.changes()) {
        const value = sessions.length === 0 ? undefined : encodeSessionRow(sessions);
        ops.push({ key: sessionKey(this.#partition, { tenant, name, user }), value });
      }
    }
    return ops;
  }

  committed(): void {
    this.#closed.length = 0;
    for (const { open } of this.#all()) open.committed();
  }

  *#all(): Generator<Live> {
    for (const tenants of this.#live.values()) {
      for (const [tenant, open] of tenants) yield { tenant, open };
    }
  }

  #openOf(tenant: string, definition: SessionDefinition): OpenSessions {
    const tenants = this.#live.get(definition.name) ?? new Map<string, OpenSessions>();
    const open = tenants.get(tenant) ?? new OpenSessions(definition);
    this.#live.set(definition.name, tenants.set(tenant, open));
    return open;
  }

  #end(
    to: SessionRows[],
    tenant: string,
    definition: SessionDefinition,
    sessions: readonly EndedSession[],
    end: SessionEnd,
  ): void {
    if (sessions.length === 0) return;
    this.#counters.sessions += sessions.length;
    if (end === 'early') this.#counters.sessionsEarly += sessions.length;
    to.push(new SessionRows(tenant, definition, sessions, end));
  }
}
