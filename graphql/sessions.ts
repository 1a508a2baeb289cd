/**
 * Who has signed in on the dashboard. A session stands for a key that was shown once: the page never holds it again, and what the browser
 * sends instead is a random name that scripts cannot read. Sessions are kept in memory: a restart, which a change of keys needs, ends all.
 */
import { hash, randomBytes } from 'node:crypto';
import { HOUR_MS } from '../src/model/units.ts';
import type { Scheduler } from '../src/query/live-query.ts';
import type { RequestHead } from './http.ts';
import { originIsAllowed } from './origin.ts';

/** A working day: who comes back tomorrow signs in again, and a browser that was left open does not stay for weeks. */
export const SESSION_MS = 12 * HOUR_MS;
/** Each is some 300 bytes. One more ends the oldest: who signs in has a key, and is not kept out by those who have left. */
export const SESSIONS_MAX = 1_000;

const TOKEN_BYTES = 32;
/** A cookie header past it is not looked into; browsers keep 4 KiB each. */
const COOKIES_CHARS_MAX = 16_384;

export interface SessionsOptions {
  readonly scheduler: Scheduler;
  /** Told when one is over, with its id: whatever was opened in its name ends with it. */
  readonly onEnd: (id: string) => void;
}

interface Session {
  /** As a client without a browser sends it with each request. */
  readonly authorization: string;
  readonly cancelExpiry: () => void;
}

/** Found by a cookie. */
export interface FoundSession {
  readonly id: string;
  readonly authorization: string;
}

export class Sessions {
  readonly #options: SessionsOptions;
  /** By the token's hash, the oldest first: what finds them tells nobody who sees it how to use them. */
  readonly #open = new Map<string, Session>();

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Answers the token, which is told to nobody but the browser. */
  begin(secret: string): string {
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const id = idOf(token);
    const [oldest] = this.#open.keys();
    if (oldest !== undefined && this.#open.size >= SESSIONS_MAX) this.end(oldest);
    this.#open.set(id, {
      authorization: `Bearer ${secret}`,
      cancelExpiry: this.#options.scheduler.after(SESSION_MS, () => this.end(id)),
    });
    return token;
  }

  /** Undefined: there is none, or no more. */
  find(cookies: string, host: string): FoundSession | undefined {
    const token = tokenIn(cookies, host);
    if (token === undefined) return undefined;
    const id = idOf(token);
    const session = this.#open.get(id);
    return session && { id, authorization: session.authorization };
  }

  isOpen(id: string): boolean {
    return this.#open.has(id);
  }

  end(id: string): void {
    const session = this.#open.get(id);
    if (session === undefined) return;
    session.cancelExpiry();
    this.#open.delete(id);
    this.#options.onEnd(id);
  }

  /** Tells nobody: the server goes away, and sockets are told so. */
  close(): void {
    for (const { cancelExpiry } of this.#open.values()) cancelExpiry();
    this.#open.clear();
  }
}

const idOf = (token: string): string => hash('sha256', token, 'hex');

/** How a request says who asks. */
export interface Credentials {
  /** As the header has it, also where a session stands for the key. */
  readonly authorization: string | undefined;
  /** Undefined: it was the header. */
  readonly sessionId: string | undefined;
}

/**
 * By the header `Authorization`, or by a session. A cookie comes along with whatever a browser sends, also
 * for pages of other ports of this host, for which `SameSite` says nothing: so it counts only for what a page of our own has asked.
 */
export function credentialsOf(head: RequestHead, sessions: Sessions): Credentials {
  const { method, headers } = head;
  const sent = headers.get('authorization');
  if (sent !== null) return { authorization: sent, sessionId: undefined };
  const origin = headers.get('origin') ?? '';
  const site = headers.get('sec-fetch-site') ?? 'none';
  const host = headers.get('host') ?? '';
  const isAskedHere =
    isOwnOrigin(origin, host) ||
    (method === 'get' && origin === '' && (site === 'none' || site === 'same-origin'));
  const found = isAskedHere ? sessions.find(headers.get('cookie') ?? '', host) : undefined;
  return { authorization: found?.authorization, sessionId: found?.id };
}

export const authorizationOf = (head: RequestHead, sessions: Sessions): string | undefined =>
  credentialsOf(head, sessions).authorization;

/** Whether a page of this very listener says that it asks. */
export const isOwnOrigin = (origin: string, host: string): boolean =>
  origin !== '' && originIsAllowed(origin, host, []);

/** What has the browser keep the token: out of reach of scripts, and for requests of our own pages alone. */
export const sessionCookie = (token: string, host: string, isSecure: boolean): string =>
  `${cookieName(host)}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${
    token === '' ? 0 : SESSION_MS / 1_000
  }${isSecure ? '; Secure' : ''}`;

/** Cookies do not tell ports apart: two servers on one machine would sign each other out. */
const cookieName = (host: string): string =>
  `streamgauge${/:\d{1,5}$/.exec(host)?.[0].replace(':', '_') ?? ''}`;

function tokenIn(cookies: string, host: string): string | undefined {
  if (cookies.length > COOKIES_CHARS_MAX) return undefined;
  const start = `${cookieName(host)}=`;
  const found = cookies.split(/; */).find((cookie) => cookie.startsWith(start));
  return found?.slice(start.length);
}
