/** `/session`: what the dashboard asks first, and where people sign in and out. */
import { type Access, allows, bearerSecret } from './authorize.ts';
import type { Exchange } from './http.ts';
import type { RouteOptions } from './routes.ts';
import { errorJson, JSON_TYPE } from './send-file.ts';
import { authorizationOf, isOwnOrigin, sessionCookie } from './sessions.ts';

/** What every page is told of the server, also one that is not signed in. */
export interface ServerFacts {
  readonly version: string;
  /** Where events are sent to. */
  readonly ingestUrl: string;
  readonly needsKey: boolean;
  readonly isSecure: boolean;
}

/** A key has 46 characters. */
const SIGN_IN_BYTES_MAX = 1_024;

/** GET tells who asks, POST with a key signs in, DELETE signs out. */
export async function session(exchange: Exchange, options: RouteOptions): Promise<void> {
  const { method, headers } = exchange.head;
  const refusal = options.refuseOrigin(headers.get('origin') ?? '', headers.get('host') ?? '');
  if (refusal !== undefined) return refuse(exchange, 403, 'forbidden', refusal);
  switch (method) {
    case 'get': {
      const secret = bearerSecret(authorizationOf(exchange.head, options.sessions));
      return tell(exchange, options, options.authorize(secret));
    }
    case 'post':
      return signIn(exchange, options);
    case 'delete':
      return signOut(exchange, options);
    default:
      return refuse(exchange, 405, 'method_not_allowed', 'use GET, POST or DELETE');
  }
}

async function signIn(exchange: Exchange, options: RouteOptions): Promise<void> {
  const { headers } = exchange.head;
  if (!isPageOfOurs(exchange)) return;
  if (!/^application\/json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) {
    const message = 'send Content-Type: application/json';
    return refuse(exchange, 415, 'unsupported_media_type', message);
  }
  const key = keyIn((await exchange.body(SIGN_IN_BYTES_MAX))?.toString());
  // As a header would have it: longer texts are no keys.
  const secret = bearerSecret(`Bearer ${key ?? ''}`);
  const access = options.authorize(secret);
  if (secret === undefined || access === undefined) {
    const message =
      'this is none of the keys of this server: a key begins with "sg_", and "streamgauge keys create --scope read" makes one';
    return refuse(exchange, 401, 'unauthorized', message);
  }
  if (!allows(access, 'read')) {
    const message = `the key "${access.keyId}" may not read: sign in with one that has scope "read" or "admin"`;
    return refuse(exchange, 403, 'forbidden', message);
  }
  endOwn(exchange, options);
  tell(exchange, options, access, cookieOf(exchange, options, options.sessions.begin(secret)));
}

function signOut(exchange: Exchange, options: RouteOptions): void {
  if (!isPageOfOurs(exchange)) return;
  endOwn(exchange, options);
  exchange.reply(204, { 'set-cookie': cookieOf(exchange, options, '') }, '');
}

/** Another page could sign people in with a key of its own, and out: no cookie guards that. */
function isPageOfOurs(exchange: Exchange): boolean {
  const { headers } = exchange.head;
  const origin = headers.get('origin') ?? '';
  if (isOwnOrigin(origin, headers.get('host') ?? '')) return true;
  const message = `only pages of this server sign in and out: expected their Origin, received "${origin}"`;
  refuse(exchange, 403, 'forbidden', message);
  return false;
}

function endOwn({ head }: Exchange, { sessions }: RouteOptions): void {
  const found = sessions.find(head.headers.get('cookie') ?? '', head.headers.get('host') ?? '');
  if (found !== undefined) sessions.end(found.id);
}

const cookieOf = ({ head }: Exchange, { facts }: RouteOptions, token: string): string =>
  sessionCookie(token, head.headers.get('host') ?? '', facts.isSecure);

function keyIn(body: string | undefined): string | undefined {
  try {
    const { key }: { key?: unknown } = JSON.parse(body ?? '') ?? {};
    return typeof key === 'string' ? key : undefined;
  } catch {
    return undefined;
  }
}

function tell(
  exchange: Exchange,
  { facts: { version, ingestUrl, needsKey } }: RouteOptions,
  access: Access | undefined,
  cookie?: string,
): void {
  // A link is no key: its page knows what it shows.
  const key = access?.share === undefined ? access : undefined;
  const who = key && { key: key.keyId, tenant: key.tenant, scopes: key.scopes };
  const headers = { ...JSON_TYPE, 'cache-control': 'no-store' };
  exchange.reply(
    200,
    cookie === undefined ? headers : { ...headers, 'set-cookie': cookie },
    JSON.stringify({ version, ingestUrl, needsKey, access: who ?? null }),
  );
}

const refuse = (exchange: Exchange, status: number, code: string, message: string): void =>
  exchange.reply(status, JSON_TYPE, errorJson(code, message));
