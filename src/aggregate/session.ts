/** A session, what it takes from its events, and sessions as rows that rollups fold. */
import { COLUMN_KIND } from '../model/columns.ts';
import { SESSION_FIELDS, type SessionDefinition, sessionStream } from '../model/session.ts';
import { entriesOf } from './block-columns.ts';
import type { ColumnSource, Strings, Take } from './column-source.ts';

/** The value of a field, of the event at that time. */
export interface Taken {
  readonly atMs: number;
  readonly text: string;
}

/** Times are of events, those of its first and its last one. */
export interface Session {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly events: number;
  /** In the order of `takenFields`; undefined where no event has the field. */
  readonly taken: readonly (Taken | undefined)[];
}

export interface EndedSession extends Session {
  readonly user: string;
}

/** A value that sessions take from their events. */
export interface TakenField {
  /** Of the events. */
  readonly field: string;
  /** Of the session. */
  readonly name: string;
  /** Of events with the field the last one says it, of those at one time the one that came last; else the first one does. */
  readonly isLast: boolean;
}

export function takenFields({ entry, exit, dimensions }: SessionDefinition): TakenField[] {
  const fields: TakenField[] = dimensions.map((field) => ({ field, name: field, isLast: false }));
  if (entry !== undefined) fields.push({ field: entry, name: 'entry', isLast: false });
  if (exit !== undefined) fields.push({ field: exit, name: 'exit', isLast: true });
  return fields;
}

/** Why sessions were closed: `SESSION_FIELDS` tells of it. */
export type SessionEnd = 'gap' | 'early';

/** Sessions that have ended, each an event at the time of its last one. */
export class SessionRows implements ColumnSource {
  readonly tenant: string;
  readonly stream: string;
  readonly times: Float64Array;
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
  readonly #sessions: readonly EndedSession[];
  readonly #taken: readonly TakenField[];
  readonly #end: SessionEnd;

  /** `sessions` in the order of their last events, and not empty. */
  constructor(
    tenant: string,
    definition: SessionDefinition,
    sessions: readonly EndedSession[],
    end: SessionEnd,
  ) {
    this.tenant = tenant;
    this.stream = sessionStream(definition.name);
    this.times = Float64Array.from(sessions, ({ lastMs }) => lastMs);
    this.tsMinMs = this.times[0] as number;
    this.tsMaxMs = this.times.at(-1) as number;
    this.#sessions = sessions;
    this.#taken = takenFields(definition);
    this.#end = end;
  }

  get rows(): number {
    return this.#sessions.length;
  }

  strings(field: string, take: Take<Uint32Array>): Strings | undefined {
    if (field === 'closed') return this.#strings(take, () => this.#end);
    if (field === 'user') return this.#strings(take, ({ user }) => user);
    const place = this.#taken.findIndex(({ name }) => name === field);
    return place < 0 ? undefined : this.#strings(take, ({ taken }) => taken[place]?.text);
  }

  numbers(field: string, take: Take<Float64Array>): Float64Array | undefined {
    if (field === 'ts') return this.times;
    if (SESSION_FIELDS[field] !== COLUMN_KIND.number) return undefined;
    const values = take(this.rows);
    this.#sessions.forEach((session, row) => {
      values[row] = numberOf(session, field);
    });
    return values;
  }

  booleans(): undefined {
    return undefined;
  }

  #strings(
    take: Take<Uint32Array>,
    textOf: (session: EndedSession) => string | undefined,
  ): Strings {
    const codes = take(this.rows);
    const codeOf = new Map<string, number>();
    this.#sessions.forEach((session, row) => {
      const text = textOf(session);
      const code = text === undefined ? 0 : (codeOf.get(text) ?? codeOf.size + 1);
      if (text !== undefined) codeOf.set(text, code);
      codes[row] = code;
    });
    return { codes, entries: entriesOf([...codeOf.keys()]) };
  }
}

function numberOf({ firstMs, lastMs, events }: EndedSession, field: string): number {
  switch (field) {
    case 'start_ms':
      return firstMs;
    case 'duration_ms':
      return lastMs - firstMs;
    case 'events':
      return events;
    case 'bounce':
      return events === 1 ? 1 : 0;
    default:
      return Number.NaN;
  }
}
