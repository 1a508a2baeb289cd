/** A sender of events: what a program calls. */
import { Losses } from './losses.ts';
import type { Settings } from './options.ts';
import { Places } from './places.ts';
import type { Platform } from './platform.ts';
import { type ProblemCode, sparing } from './problem.ts';
import { Sender } from './sender.ts';
import { Visitor } from './visitor.ts';

/** Strings, numbers, booleans, dates; nested objects become `a.b` at the server. Undefined is left out. */
export type EventFields = Readonly<Record<string, unknown>>;

interface NewEvent {
  readonly place: string;
  readonly type: string;
  /** What the client says of it. */
  readonly own: object;
  readonly fields?: EventFields;
  /** Whether there is room or not. */
  readonly isDue?: boolean;
}

/** The type of the event that tells what was given up, with a count for each reason. */
export const LOSSES_TYPE = 'client_losses';

/**
 * Tracks events and sends them on, none lost and none counted twice: each has an id of its own, stays until the
 * server has answered for it, and is sent again after any doubt. Never throws because of an event.
 */
export class Client {
  readonly #platform: Platform;
  readonly #settings: Settings;
  readonly #losses = new Losses();
  readonly #places: Places;
  readonly #visitor: Visitor;
  readonly #sender: Sender;
  readonly #report: (code: ProblemCode, message: string) => void;
  #hasConsent = false;
  #isClosed = false;
  /** Once the end has begun. */
  #closing: Promise<number> | undefined;
  #lossesToldMs = 0;

  constructor(settings: Settings, platform: Platform) {
    this.#settings = settings;
    this.#platform = platform;
    this.#places = new Places(platform.unique());
    this.#visitor = new Visitor(platform, settings.sessionIdleMs);
    this.#report = sparing(settings.onProblem ?? platform.warn, platform.now);
    this.#sender = new Sender({
      platform,
      settings,
      losses: this.#losses,
      report: this.#report,
      onSettled: () => this.#tellLosses(false),
    });
    if (settings.consent) this.consent(true);
  }

  /**
   * Takes an event; false if it is given up, which is counted, or not wanted (no consent, not in the sample). It is sent within
   * `flushIntervalMs`. `id`, `ts`, `user` and `key` among the fields mean what they mean to the server.
   */
  track(type: string, fields: EventFields = {}): boolean {
    if (!this.#hasConsent) return false;
    const { sampleRate } = this.#settings;
    const place = this.#places.next(this.#platform.now());
    const visitor = this.#visitor.fieldsNow();
    if (sampleRate < 1 && partOf(visitor.session ?? place) >= sampleRate) return false;
    const own = { ...visitor, ...(sampleRate < 1 && { sample_rate: sampleRate }) };
    return this.#add({ place, type, own, fields });
  }

  /** From here on events are of this user; an event `identify` with these traits joins the two. */
  identify(user: string, traits: EventFields = {}): boolean {
    if (!this.#hasConsent) return false;
    if (typeof user !== 'string' || user === '') {
      return this.#giveUp('invalid', 'invalid_event', `a user is a text, received ${String(user)}`);
    }
    this.#visitor.identify(user);
    return this.track('identify', traits);
  }

  /** After a sign-out: the next event is another visitor's, of another session. */
  forget(): void {
    this.#visitor.forget();
  }

  /** Without it nothing is tracked, and what waits and who it was are forgotten, also what earlier pages have kept. */
  consent(isGiven: boolean): void {
    if (this.#isClosed || (isGiven && this.#hasConsent)) return;
    this.#hasConsent = isGiven;
    if (isGiven) void this.#sender.start();
    else {
      this.#sender.clear();
      this.#visitor.forget();
    }
  }

  /** Resolves with whether all that was tracked before is answered; false as soon as an attempt fails. */
  flush(): Promise<boolean> {
    this.#tellLosses(false);
    return this.#sender.flush();
  }

  /** Before a page goes: `send` takes along what it can, and the store has the rest. */
  beacon(send: (body: string) => boolean): void {
    this.#tellLosses(true);
    this.#sender.keep();
    this.#sender.beacon(send);
  }

  /**
   * Sends what waits, for `timeoutMs` at most, and ends. Resolves with how many events were not answered: a store keeps them. Called
   * again, it is the same end.
   */
  close(timeoutMs = 5_000): Promise<number> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<number> {
    this.#tellLosses(true);
    let cancel = () => {};
    const timeout = new Promise<void>((resolve) => {
      cancel = this.#platform.after(timeoutMs, resolve, false);
    });
    await Promise.race([this.#flushAll(), timeout]);
    cancel();
    this.#hasConsent = false;
    this.#isClosed = true;
    this.#sender.close();
    return this.#sender.length;
  }

  /** With what the last answers have refused. */
  async #flushAll(): Promise<void> {
    if (!(await this.#sender.flushPatiently())) return;
    this.#tellLosses(true);
    await this.#sender.flush();
  }

  /** How many events wait, and how many were given up since the client began. */
  get counts(): { readonly waiting: number; readonly lost: number } {
    return { waiting: this.#sender.length, lost: this.#losses.total };
  }

  /** Once a minute at most. If it is the last chance, past the bounds, too: one more event. */
  #tellLosses(isLast: boolean): void {
    const nowMs = this.#platform.now();
    const isSoon = Math.abs(nowMs - this.#lossesToldMs) < LOSSES_TOLD_MS;
    const mayTell = isLast || (!isSoon && this.#sender.hasRoomFor(LOSSES_BYTES_MAX));
    const counts = this.#hasConsent && mayTell ? this.#losses.take() : undefined;
    if (counts === undefined) return;
    this.#lossesToldMs = nowMs;
    const place = this.#places.next(nowMs);
    this.#add({ place, type: LOSSES_TYPE, own: counts, isDue: true });
  }

  #add({ place, type, own, fields = {}, isDue = false }: NewEvent): boolean {
    if (typeof type !== 'string' || type === '') {
      return this.#giveUp('invalid', 'invalid_event', `a type is a text, received ${String(type)}`);
    }
    let line: string;
    try {
      const ts = this.#platform.now();
      line = JSON.stringify({ id: place, ts, ...own, ...defined(fields), type });
    } catch (error) {
      return this.#giveUp('invalid', 'invalid_event', `"${type}" has no JSON: ${error}`);
    }
    const bytes = encoder.encode(line).length;
    const { batchBytesMax } = this.#settings;
    if (bytes >= batchBytesMax) {
      const message = `"${type}" has ${bytes} bytes, and ${batchBytesMax} is the bound of a request`;
      return this.#giveUp('too_large', 'too_large', message);
    }
    if (!isDue && !this.#sender.hasRoomFor(bytes)) {
      const message = `${this.#sender.length} events wait, which is the bound: new ones are given up`;
      return this.#giveUp('queue_full', 'queue_full', message);
    }
    this.#sender.add({ place, line, bytes });
    return true;
  }

  #giveUp(loss: 'invalid' | 'too_large' | 'queue_full', code: ProblemCode, message: string): false {
    this.#losses.count(loss);
    this.#report(code, message);
    return false;
  }
}

/** A server that refuses this event as well is not told so again and again. */
const LOSSES_TOLD_MS = 60_000;
/** All counts at their largest. */
const LOSSES_BYTES_MAX = 512;
const encoder = new TextEncoder();

/** An id that is nothing, or empty, would take the place of the one that makes an event count once. */
const defined = (fields: EventFields): EventFields =>
  Object.fromEntries(
    Object.entries(fields).filter(
      ([name, value]) => value !== undefined && (name !== 'id' || (value !== null && value !== '')),
    ),
  );

/** A text's own number from 0 to below 1: FNV-1a of 32 bits, then the finalizer of MurmurHash3, which spreads what ends alike. */
function partOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
