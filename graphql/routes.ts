/** What each path of the query listener answers. */
import type { Logger } from '../src/model/logger.ts';
import type { ColdQueries } from '../src/query/cold/cold-queries.ts';
import { type Access, type Authorizer, allows, bearerSecret, unauthorized } from './authorize.ts';
import { errorJson, sendExport } from './export.ts';
import type { Exchange } from './http.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import type { GraphServer } from './yoga.ts';

export interface RouteOptions {
  readonly graph: GraphServer;
  /** Undefined without an archive. */
  readonly cold: ColdQueries | undefined;
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
  /** Handled by `/`. */
  readonly page: () => string;
}

type Route = (exchange: Exchange, options: RouteOptions) => Promise<void> | void;

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

export const ROUTES: Readonly<Record<string, Route>> = {
  '/graphql': graphql,
  '/v1/export': exported,
  '/metrics': metrics,
  '/healthz': (exchange) => exchange.reply(200, TEXT, 'ok\n'),
  '/readyz': readyz,
  '/': (exchange, { page }) =>
    exchange.reply(200, { 'content-type': 'text/html; charset=utf-8' }, page()),
};

export const notFound: Route = (exchange) =>
  exchange.reply(404, TEXT, `nothing is here; there are ${Object.keys(ROUTES).join(', ')}\n`);

async function graphql(exchange: Exchange, options: RouteOptions): Promise<void> {
  const isPage = options.graphiql && asksForPage(exchange);
  const admitted = admit(exchange, options, graphqlError, isPage ? NOBODY : undefined);
  if (admitted === undefined) return;
  const request = await requestOf(exchange);
  if (request === undefined) return;
  const response = await options.graph.fetch(request, { access: admitted.access });
  for (const [name, value] of Object.entries(admitted.cors)) response.headers.set(name, value);
  await exchange.respond(response);
}

async function exported(exchange: Exchange, options: RouteOptions): Promise<void> {
  const admitted = admit(exchange, options, errorJson, undefined);
  if (admitted !== undefined) {
    await sendExport(exchange, options, admitted.access, admitted.cors);
  }
}

/** An error as the path's clients expect it. */
type ErrorText = (code: string, message: string) => string;

const graphqlError: ErrorText = (code, message) =>
  JSON.stringify({ errors: [{ message, extensions: { code } }] });

/** Who asks by GET or POST, with a key that reads; undefined if it has been answered already. */
function admit(
  exchange: Exchange,
  options: RouteOptions,
  errorText: ErrorText,
  withoutKey: Access | undefined,
): { readonly access: Access; readonly cors: Record<string, string> } | undefined {
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
  const access = options.authorize(bearerSecret(headers.get('authorization'))) ?? withoutKey;
  if (access === undefined) {
    const { message, extensions } = unauthorized();
    const more = { ...cors, 'www-authenticate': 'Bearer' };
    return refuse(401, String(extensions['code']), message, more);
  }
  if (access !== withoutKey && !allows(access, 'read')) {
    return refuse(403, 'forbidden', 'this needs a key with scope "read"');
  }
  return { access, cors };
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
  const { method, path, query, headers } = exchange.head;
  const url = `http://query.invalid${path}${query === '' ? '' : `?${query}`}`;
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
  const access = options.authorize(bearerSecret(exchange.head.headers.get('authorization')));
  if (access === undefined || !allows(access, 'admin')) {
    exchange.reply(
      401,
      { ...TEXT, 'www-authenticate': 'Bearer' },
      'send a key with scope "admin"\n',
    );
    return;
  }
  const text = await options.metrics();
  exchange.reply(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, text);
}

function readyz(exchange: Exchange, { readiness }: RouteOptions): void {
  const missing = readiness();
  if (missing.length === 0) exchange.reply(200, TEXT, 'ready\n');
  else exchange.reply(503, { ...TEXT, 'retry-after': '1' }, `not ready: ${missing.join('; ')}\n`);
}
