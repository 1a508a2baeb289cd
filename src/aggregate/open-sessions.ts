/**
 * The open sessions of one definition and tenant in a partition: columns in, ended sessions out. Pure and deterministic: which
 * sessions end, and what is in them, depends on the blocks and the watermarks alone.
 *
 * Two events of a user are of one session if no more than the gap lies between them, or between each and another of that session. A
 * session ends when no event that is on time could still be of it: when the watermark, less the lateness, is more than the gap
 * behind its last event. Whatever the order in which events arrive within the lateness, the same sessions come of them. An event
 * that is later than that joins the open session that it is of, and begins none: alone it would be taken for a bounce.
 */
import { countedWithinMs, type SessionDefinition } from '../model/session.ts';
import { type BlockColumns, TEXT_LENGTH_MAX, type TextColumn } from './block-columns.ts';
import { RowFilter } from './row-filter.ts';
import {
  type EndedSession,
  type Session,
  type Taken,
  type TakenField,
  takenFields,
} from './session.ts';

/** What became of a block's rows that were not left out. */
export interface SessionCounts {
  /** Too late for any open session: in none. */
  late: number;
  /** Without a user, or with one whose name is too long to be kept: in none. */
  unassigned: number;
}

/** A user's sessions as they are stored. */
export interface StoredSessions {
  readonly user: string;
  readonly sessions: readonly Session[];
}

/** Parts of the time that sessions wait for their end: of one part all are looked at whenever it comes to its time. */
const SLOTS = 256;
/**
 * Sessions may weigh so much each, on average: about the bytes of their texts and what holds them. A bound on their sum, as texts
 * of hostile senders are long.
 */
const SESSION_BYTES_MEAN_MAX = 512;
const SESSION_BYTES_LEAST = 160;
/** Past a bound so much of it is freed: one at a time would look for the oldest at each block. */
const FREED_PART = 1 / 8;

interface User {
  readonly name: string;
  /** By time; more than one only while what lies between them may still come. */
  readonly sessions: OpenSession[];
  isStored: boolean;
}

interface OpenSession extends Session {
  readonly user: User;
  firstMs: number;
  lastMs: number;
  /** 0: it has become a part of another one, or has ended. */
  events: number;
  readonly taken: (Taken | undefined)[];
  bytes: number;
}

/** Shared by all states of the thread, which fold one after the other: rows of the block at hand. */
let selected = new Uint32Array(8192);

export class OpenSessions {
  readonly definition: SessionDefinition;
  readonly #filter: RowFilter;
  readonly #fields: readonly TakenField[];
  readonly #untaken: readonly undefined[];
  readonly #users = new Map<string, User>();
  readonly #changed = new Set<User>();
  /** By the part of time in which their last event was when they were put there: it may have become later since. */
  readonly #slots = new Map<number, OpenSession[]>();
  readonly #slotMs: number;
  /** No open session's last event lies before it. */
  #oldestMs = Number.POSITIVE_INFINITY;
  #count = 0;
  #bytes = 0;
  /** In all slots, with those that have ended otherwise. */
  #waiting = 0;

  constructor(definition: SessionDefinition) {
    this.definition = definition;
    this.#filter = new RowFilter(definition.filter);
    this.#fields = takenFields(definition);
    this.#untaken = this.#fields.map(() => undefined);
    this.#slotMs = Math.max(1, Math.ceil(countedWithinMs(definition) / SLOTS));
  }

  get count(): number {
    return this.#count;
  }

  /** Takes back what was committed. */
  restore(stored: Iterable<StoredSessions>): void {
    for (const { user: name, sessions } of stored) {
      const user: User = { name, sessions: [], isStored: true };
      this.#users.set(name, user);
      for (const session of sessions) this.#add(user, session);
    }
  }

  /**
   * Folds a block without the rows of which `keep[row]` is 0. `watermarkMs` is the partition's without the block: no row is late because of
   * a neighbour. What has ended by then must have been taken by `endedBy`.
   */
  fold(
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    watermarkMs: number,
    nowMs: number,
  ): SessionCounts {
    const counts: SessionCounts = { late: 0, unassigned: 0 };
    const count = this.#select(columns, keep);
    const names = count === 0 ? undefined : columns.texts(this.definition.user);
    if (names === undefined) return { late: 0, unassigned: count };
    const { values: times } = columns.eventTimes(nowMs);
    const texts = this.#fields.map(({ field }) => columns.texts(field));
    const onTimeMs = watermarkMs - this.definition.latenessMs;
    for (let j = 0; j < count; j++) {
      const row = selected[j] as number;
      const code = names.codes[row] as number;
      const name = code === 0 ? '' : names.text(code);
      if (!isUserName(name)) {
        counts.unassigned += 1;
        continue;
      }
      const timeMs = times[row] as number;
      const session = this.#sessionAt(name, timeMs, onTimeMs);
      if (session === undefined) counts.late += 1;
      else this.#addEvent(session, timeMs, texts, row);
    }
    return counts;
  }

  /**
   * The sessions that have ended when the partition's watermark is `watermarkMs`, and those that are closed early because there are
   * too many: in the order of their last events. They are gone from here.
   */
  endedBy(watermarkMs: number): {
    readonly ended: EndedSession[];
    readonly early: EndedSession[];
  } {
    const { gapMs, latenessMs, openMax } = this.definition;
    const ended = this.#takeBefore(watermarkMs - latenessMs - gapMs);
    if (this.#waiting > 2 * openMax) this.#waitAnew();
    const isFull = this.#count > openMax || this.#bytes > openMax * SESSION_BYTES_MEAN_MAX;
    return { ended, early: isFull ? this.#takeOldest() : [] };
  }

  /** All of them, and none is left. */
  takeAll(): EndedSession[] {
    return this.#takeBefore(Number.POSITIVE_INFINITY);
  }

  /** Users whose sessions have changed since `committed`; one without any is to be forgotten. */
  *changes(): Generator<StoredSessions> {
    for (const { name, sessions } of this.#changed) yield { user: name, sessions };
  }

  /** What `changes` answered is stored. */
  committed(): void {
    for (const user of this.#changed) {
      user.isStored = user.sessions.length > 0;
      if (!user.isStored) this.#users.delete(user.name);
    }
    this.#changed.clear();
  }

  #select(columns: BlockColumns, keep: Uint8Array | undefined): number {
    const { rows } = columns;
    if (rows > selected.length) selected = new Uint32Array(rows * 2);
    let count = 0;
    for (let row = 0; row < rows; row++) {
      if (keep === undefined || keep[row] !== 0) selected[count++] = row;
    }
    return this.#filter.apply(columns, selected, count);
  }

  /** The one that an event is of, a new one if need be; undefined if it is late for that. */
  #sessionAt(name: string, timeMs: number, onTimeMs: number): OpenSession | undefined {
    const { gapMs } = this.definition;
    const user = this.#users.get(name);
    if (user !== undefined) {
      const at = firstReaching(user.sessions, timeMs, gapMs);
      const [found, next] = [user.sessions[at], user.sessions[at + 1]];
      if (found !== undefined && begins(found, timeMs, gapMs)) {
        if (next !== undefined && begins(next, timeMs, gapMs)) this.#join(found, next);
        return found;
      }
    }
    if (timeMs < onTimeMs) return undefined;
    const known = user ?? { name, sessions: [], isStored: false };
    this.#users.set(name, known);
    return this.#add(known, { firstMs: timeMs, lastMs: timeMs, events: 0, taken: this.#untaken });
  }

  #addEvent(
    session: OpenSession,
    timeMs: number,
    texts: readonly (TextColumn | undefined)[],
    row: number,
  ): void {
    session.events += 1;
    if (timeMs < session.firstMs) session.firstMs = timeMs;
    if (timeMs > session.lastMs) session.lastMs = timeMs;
    this.#changed.add(session.user);
    for (let i = 0; i < texts.length; i++) {
      const column = texts[i];
      const code = column?.codes[row] ?? 0;
      if (column === undefined || code === 0) continue;
      const known = session.taken[i];
      const { isLast } = this.#fields[i] as TakenField;
      const isTaken = known === undefined || (isLast ? timeMs >= known.atMs : timeMs < known.atMs);
      if (isTaken) this.#take(session, i, { atMs: timeMs, text: column.text(code) });
    }
  }

  /** The later one becomes a part of the earlier one of the same user. */
  #join(into: OpenSession, later: OpenSession): void {
    into.lastMs = later.lastMs;
    into.events += later.events;
    this.#fields.forEach(({ isLast }, i) => {
      const [first, last] = [into.taken[i], later.taken[i]];
      if (last !== undefined && (isLast || first === undefined)) this.#take(into, i, last);
    });
    this.#drop(later);
    // It waits in its slot still, where nobody counts its texts.
    later.taken.length = 0;
  }

  #take(session: OpenSession, i: number, taken: Taken): void {
    const more = bytesOf(taken.text) - bytesOf(session.taken[i]?.text);
    session.taken[i] = taken;
    session.bytes += more;
    this.#bytes += more;
  }

  #add(user: User, { firstMs, lastMs, events, taken }: Session): OpenSession {
    let bytes = SESSION_BYTES_LEAST + bytesOf(user.name);
    for (const each of taken) bytes += bytesOf(each?.text);
    const session = { user, firstMs, lastMs, events, taken: [...taken], bytes };
    user.sessions.splice(firstReaching(user.sessions, firstMs, 0), 0, session);
    this.#count += 1;
    this.#bytes += bytes;
    this.#wait(session);
    return session;
  }

  #drop(session: OpenSession): void {
    const { user } = session;
    this.#count -= 1;
    this.#bytes -= session.bytes;
    session.events = 0;
    user.sessions.splice(user.sessions.indexOf(session), 1);
    if (user.sessions.length > 0 || user.isStored) {
      this.#changed.add(user);
      return;
    }
    // Not kept until the commit: users without end may come and go before it.
    this.#changed.delete(user);
    this.#users.delete(user.name);
  }

  #wait(session: OpenSession): void {
    const slot = Math.floor(session.lastMs / this.#slotMs);
    const waiting = this.#slots.get(slot);
    if (waiting === undefined) this.#slots.set(slot, [session]);
    else waiting.push(session);
    this.#waiting += 1;
    this.#oldestMs = Math.min(this.#oldestMs, session.lastMs);
  }

  /** Those whose last event lies before. */
  #takeBefore(edgeMs: number): EndedSession[] {
    if (edgeMs <= this.#oldestMs) return [];
    this.#oldestMs = Number.POSITIVE_INFINITY;
    const taken: OpenSession[] = [];
    for (const slot of [...this.#slots.keys()]) {
      const fromMs = slot * this.#slotMs;
      if (fromMs >= edgeMs) {
        this.#oldestMs = Math.min(this.#oldestMs, fromMs);
        continue;
      }
      for (const session of this.#emptied(slot)) {
        if (session.lastMs < edgeMs) taken.push(session);
        else this.#wait(session);
      }
    }
    return this.#ended(taken);
  }

  /** As many of the oldest as bring it below its bounds; of those with one time all or none, so that no order among them decides. */
  #takeOldest(): EndedSession[] {
    const { openMax } = this.definition;
    const open = this.#waitAnew().sort((a, b) => a.lastMs - b.lastMs);
    const keptMax = openMax * (1 - FREED_PART);
    let [count, bytes] = [this.#count, this.#bytes];
    let edgeMs = Number.NEGATIVE_INFINITY;
    for (const session of open) {
      if (count <= keptMax && bytes <= keptMax * SESSION_BYTES_MEAN_MAX) break;
      edgeMs = session.lastMs;
      count -= 1;
      bytes -= session.bytes;
    }
    return this.#ended(open.filter(({ lastMs }) => lastMs <= edgeMs));
  }

  /** All that are open: what was joined or closed early does not wait any more. */
  #waitAnew(): OpenSession[] {
    const open = [...this.#slots.keys()].flatMap((slot) => this.#emptied(slot));
    for (const session of open) this.#wait(session);
    return open;
  }

  /** What waited there and is open. */
  #emptied(slot: number): OpenSession[] {
    const waiting = this.#slots.get(slot) ?? [];
    this.#slots.delete(slot);
    this.#waiting -= waiting.length;
    return waiting.filter(({ events }) => events > 0);
  }

  /** In an order that depends on nothing but them: series of rollups are numbered by it. */
  #ended(sessions: OpenSession[]): EndedSession[] {
    sessions.sort((a, b) => a.lastMs - b.lastMs || (a.user.name < b.user.name ? -1 : 1));
    return sessions.map((session) => {
      const { user, firstMs, lastMs, events, taken } = session;
      this.#drop(session);
      return { user: user.name, firstMs, lastMs, events, taken };
    });
  }
}

/** Of sessions in the order of time, the place of the first that ends no more than the gap before. A hostile sender has many at once. */
function firstReaching(sessions: readonly OpenSession[], timeMs: number, gapMs: number): number {
  let [low, high] = [0, sessions.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timeMs > (sessions[middle] as OpenSession).lastMs + gapMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** By that time, or no more than the gap after. */
const begins = ({ firstMs }: OpenSession, timeMs: number, gapMs: number): boolean =>
  timeMs >= firstMs - gapMs;

/** What is longer would be cut, and so be several users; a NUL ends a text in a key. */
export const isUserName = (name: string): boolean =>
  name !== '' && name.length < TEXT_LENGTH_MAX && !name.includes('\0');

/** Of a text in memory: V8 takes one or two for a character. */
const bytesOf = (text: string | undefined): number =>
  text === undefined ? 0 : 32 + 2 * text.length;
