/** Whose events these are: a device, a session of it, and the user once the page has told. */
import type { Platform, VisitorState } from './platform.ts';

/** What joins each event. */
export interface VisitorFields {
  readonly device?: string;
  readonly session?: string;
  readonly user?: string | undefined;
  /** Keeps the events of a device together and in order while no user does. */
  readonly key?: string;
}

export class Visitor {
  readonly #platform: Platform;
  readonly #sessionIdleMs: number;
  /** Where storage keeps nothing, a page is a visit of its own. */
  #last: VisitorState | undefined;

  constructor(platform: Platform, sessionIdleMs: number) {
    this.#platform = platform;
    this.#sessionIdleMs = sessionIdleMs;
  }

  /** Of an event now: it keeps the session going. */
  fieldsNow(): VisitorFields {
    const { device, session, user } = this.#keep(this.#current());
    // A server's events are of many visitors: only what it says itself is true of them.
    if (this.#platform.visitors === undefined) return { user };
    return { device, session, user, ...(user === undefined && { key: device }) };
  }

  identify(user: string): void {
    this.#keep({ ...this.#current(), user });
  }

  /** The next event is another visitor's. */
  forget(): void {
    this.#last = undefined;
    this.#platform.visitors?.clear();
  }

  /** Read each time: another page of the same browser may have said more. */
  #current(): VisitorState {
    const { visitors, unique, now } = this.#platform;
    const lastMs = now();
    const known = visitors?.read() ?? this.#last;
    // A clock that was set back ends a session too: nobody knows how long it was idle.
    const isOn = known !== undefined && Math.abs(lastMs - known.lastMs) < this.#sessionIdleMs;
    return {
      device: known?.device ?? unique(),
      session: isOn ? known.session : unique(),
      user: known?.user,
      lastMs,
    };
  }

  #keep(state: VisitorState): VisitorState {
    this.#last = state;
    this.#platform.visitors?.write(state);
    return state;
  }
}
