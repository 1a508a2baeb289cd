/** What each path of the query listener answers. */
import type { Logger } from '../src/model/logger.ts';
import { isNodeKey, NODE_KEY_HEADER } from '../src/model/node-key.ts';
import type { ColdQueries } from '../src/query/cold/cold-queries.ts';
import type { LettersPort } from '../src/query/letters.ts';
import {
  type Access,
  type Authorizer,
  allows,
  bearerSecret,
  mayAsk,
  unauthorized,
} from './authorize.ts';
import { sendExport } from './export.ts';
import { sendLetters } from './export-letters.ts';
import type { Exchange } from './http.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import type { PageFiles } from './page-files.ts';
import { errorJson, JSON_TYPE } from './send-file.ts';
import { type ServerFacts, session } from './session-route.ts';
import { authorizationOf, type Credentials, credentialsOf, type Sessions } from './sessions.ts';
import { GRAPHQL_PATH, type GraphServer } from './yoga.ts';

export interface RouteOptions {
  readonly graph: GraphServer;
  /** Undefined without an archive. */
  readonly cold: ColdQueries | undefined;
  readonly letters: LettersPort;
  readonly authorize: Authorizer;
  readonly logger: Logger;
  /** Origins whose pages may read answers; `*` for all. */
  readonly corsOrigins: readonly string[];
  /** Undefined if a page of that origin may ask, else why not. */
  readonly refuseOrigin: (origin: string, host: string) => string | undefined;
  readonly graphiql: boolean;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** What is not ready yet, in words; empty when requests can be answered. */
  readonly readiness: () => readonly string[];
  readonly sessions: Sessions;
  /** What the dashboard is told before anybody has signed in. */
  readonly facts: ServerFacts;
  /** Undefined: the dashboard has not been built. */
  readonly pages: PageFiles | undefined;
  /** Handled by `/` then. */
  readonly page: () => string;
}

type Route = (exchange: Exchange, options: RouteOptions) => Promise<void> | void;

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

export const ROUTES: Readonly<Record<string, Route>> = {
  '/graphql': graphql,
  '/v1/export': (exchange, options) => exported(exchange, options, sendExport),
  '/v1/dead-letters': (exchange, options) => exported(exchange, options, sendLetters),
  '/metrics': metrics,
  '/healthz': (exchange) => exchange.reply(200, TEXT, 'ok\n'),
  '/readyz': readyz,
  '/session': session,
  '/': async (exchange, { pages, page }) => {
    if ((await pages?.(exchange)) === true) return;
    exchange.reply(200, { 'content-type': 'text/html; charset=utf-8' }, page());
  },
};

/** A file of the dashboard, or nothing. */
export const otherPath: Route = async (exchange, { pages }) => {
  if ((await pages?.(exchange)) === true) return;
  exchange.reply(404, TEXT, `nothing is here; there are ${Object.keys(ROUTES).join(', ')}\n`);
};

function graphql(exchange: Exchange, options: RouteOptions): Promise<void> {
  const isPage = options.graphiql && asksForPage(exchange);
  const admitted = admit(exchange, options, {
    errorText: graphqlError,
    ...(isPage ? { withoutKey: NOBODY } : { may: mayAsk }),
  });
  return answer(exchange, options, admitted, false);
}

/** What another node of the cluster sends of what it was asked: as `/graphql`, but never sent on. */
export const forwarded =
  (key: string): Route =>
  async (exchange, options) => {
    const sent = exchange.head.headers.get(NODE_KEY_HEADER);
    if (isNodeKey(sent, key)) {
      const admitted = admit(exchange, options, { errorText: graphqlError, may: mayAsk });
      return answer(exchange, options, admitted, true);
    }
    const [status, problem] =
      sent === null ? [401, `send it as ${NODE_KEY_HEADER}`] : [403, 'this is another one'];
    replyError(exchange, status, 'forbidden', `this needs the key of the cluster: ${problem}`);
  };

async function answer(
  exchange: Exchange,
  options: RouteOptions,
  admitted: Admitted | undefined,
  isForwarded: boolean,
): Promise<void> {
  if (admitted === undefined) return;
  const request = await requestOf(exchange);
  if (request === undefined) return;
  const { authorization, sessionId } = admitted.credentials;
  const caller = { authorization, sessionId, isForwarded };
  const response = await options.graph.fetch(request, { access: admitted.access, caller });
  for (const [name, value] of Object.entries(admitted.cors)) response.headers.set(name, value);
  await exchange.respond(response);
}

async function exported(
  exchange: Exchange,
  options: RouteOptions,
  send: typeof sendExport | typeof sendLetters,
): Promise<void> {
  const admitted = admit(exchange, options, { errorText: errorJson });
  if (admitted !== undefined) await send(exchange, options, admitted.access, admitted.cors);
}

/** An error as the path's clients expect it. */
type ErrorText = (code: string, message: string) => string;

const graphqlError: ErrorText = (code, message) =>
  JSON.stringify({ errors: [{ message, extensions: { code } }] });

interface Admitted {
  readonly access: Access;
  readonly credentials: Credentials;
  readonly cors: Record<string, string>;
}

interface Admission {
  readonly errorText: ErrorText;
  /** Which keys may come in. Default: those that read. */
  readonly may?: (access: Access) => boolean;
  /** What is asked without a key. Default: nothing. */
  readonly withoutKey?: Access;
}

const mayRead = (access: Access): boolean => allows(access, 'read');

/** Who asks by GET or POST; undefined if it has been answered already. */
function admit(
  exchange: Exchange,
  options: RouteOptions,
  { errorText, may = mayRead, withoutKey }: Admission,
): Admitted | undefined {
  const { method, headers } = exchange.head;
  const origin = headers.get('origin') ?? '';
  const refuse = (status: number, code: string, message: string, more = {}): undefined =>
    void exchange.reply(status, { ...JSON_TYPE, ...more }, errorText(code, message));
  const refusal = options.refuseOrigin(origin, headers.get('host') ?? '');
  if (refusal !== undefined) return refuse(403, 'forbidden', refusal);
  const cors = corsHeaders(origin, options.corsOrigins);
  if (method === 'options') return void exchange.reply(204, cors, '');
  if (method !== 'get' && method !== 'post') {
    return refuse(405, 'method_not_allowed', 'use GET or POST');
  }
  const credentials = credentialsOf(exchange.head, options.sessions);
  const access = options.authorize(bearerSecret(credentials.authorization)) ?? withoutKey;
  if (access === undefined) {
    const { message, extensions } = unauthorized();
    const more = { ...cors, 'www-authenticate': 'Bearer' };
    return refuse(401, String(extensions['code']), message, more);
  }
  if (access !== withoutKey && !may(access)) {
    return refuse(403, 'forbidden', 'this needs a key with scope "read"');
  }
  return { access, credentials, cors };
}

/** Gets the GraphiQL page and, having no scope, nothing else. */
const NOBODY: Access = { keyId: 'none', tenant: '', scopes: [] };

const asksForPage = ({ head }: Exchange): boolean =>
  head.method === 'get' &&
  head.query === '' &&
  (head.headers.get('accept') ?? '').includes('text/html');

/** A browser sends these bodies to other origins only after asking, and we do not say yes. */
const JSON_BODY = /^application\/(?:json|graphql\+json)\s*(?:;|$)/i;

async function requestOf(exchange: Exchange): Promise<Request | undefined> {
  const { method, query, headers } = exchange.head;
  const url = `http://query.invalid${GRAPHQL_PATH}${query === '' ? '' : `?${query}`}`;
  if (method === 'get') return new Request(url, { headers, signal: exchange.signal });
  if (!JSON_BODY.test(headers.get('content-type') ?? '')) {
    replyError(exchange, 415, 'unsupported_media_type', 'send Content-Type: application/json');
    return undefined;
  }
  const body = await exchange.body(BODY_BYTES_MAX);
  if (body !== undefined) {
    return new Request(url, { method: 'POST', headers, body, signal: exchange.signal });
  }
  replyError(exchange, 413, 'body_too_large', `a query may have at most ${BODY_BYTES_MAX} bytes`);
  return undefined;
}

function corsHeaders(origin: string, allowed: readonly string[]): Record<string, string> {
  const isAllowed = allowed.includes('*') || allowed.includes(origin);
  if (origin === '' || !isAllowed) return {};
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'authorization, content-type',
    'access-control-max-age': '600',
    vary: 'origin',
  };
}

const replyError = (exchange: Exchange, status: number, code: string, message: string): void =>
  exchange.reply(status, JSON_TYPE, graphqlError(code, message));

/** The machinery is for operators; a scraper needs a key of theirs once there are keys. */
async function metrics(exchange: Exchange, options: RouteOptions): Promise<void> {
  const access = options.authorize(bearerSecret(authorizationOf(exchange.head, options.sessions)));
  const wanted = 'send a key with scope "admin": Authorization: Bearer KEY\n';
  if (access === undefined) {
    return exchange.reply(401, { ...TEXT, 'www-authenticate': 'Bearer' }, wanted);
  }
  if (!allows(access, 'admin')) return exchange.reply(403, TEXT, wanted);
  const text = await options.metrics();
  exchange.reply(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, text);
}

function readyz(exchange: Exchange, { readiness }: RouteOptions): void {
  const missing = readiness();
  if (missing.length === 0) exchange.reply(200, TEXT, 'ready\n');
  else exchange.reply(503, { ...TEXT, 'retry-after': '1' }, `not ready: ${missing.join('; ')}\n`);
}
