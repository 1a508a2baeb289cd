/** The query listener: GraphQL, health, metrics and a first page, on one port. */
import type { TemplatedApp } from 'uWebSockets.js';
import type { Logger } from '../src/model/logger.ts';
import { AlarmUpdates } from '../src/query/alarm-updates.ts';
import type { Authorizer } from './authorize.ts';
import type { Services } from './context.ts';
import { openExchange } from './http.ts';
import { isLoopbackAddress, isLoopbackHost, originIsAllowed } from './origin.ts';
import { renderPage } from './page.ts';
import { notFound, ROUTES, type RouteOptions } from './routes.ts';
import { ListeningSocket, type SocketAddress } from './socket.ts';
import { createSocketServer } from './websocket.ts';
import { createGraphServer, GRAPHQL_PATH } from './yoga.ts';

export interface QueryListenerOptions extends SocketAddress {
  /** Origins whose pages may read answers. Default: none. */
  readonly corsOrigins?: readonly string[];
  readonly authorize: Authorizer;
  /** Whether there are keys at all: the first page shows how to send one. */
  readonly needsKey: boolean;
  readonly services: Services;
  readonly logger: Logger;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** What is not ready yet, in words; empty when requests can be answered. */
  readonly readiness: () => readonly string[];
  /** Where events are sent to, for the first page. */
  readonly ingestUrl: string;
}

export interface QueryListener {
  readonly url: string;
  readonly port: number;
  /** Reads the certificate files again. Rejects and changes nothing if they do not fit. */
  replaceCertificate(): Promise<void>;
  /** Ends subscriptions and connections and stops listening. */
  close(): void;
}

/** Requests that are being answered, subscriptions over SSE among them. Further ones are told to come again. */
const REQUESTS_MAX = 2_000;

/** Rejects with `listen_failed`, or `config_invalid` if certificate and key do not fit. */
export async function openQueryListener(options: QueryListenerOptions): Promise<QueryListener> {
  const { host, tls, services, logger, authorize } = options;
  const isLoopback = isLoopbackAddress(host);
  const corsOrigins = options.corsOrigins ?? [];
  const alarmUpdates = new AlarmUpdates(services.alarms);
  const graph = createGraphServer({ services, alarmUpdates, logger, graphiql: isLoopback });
  const scheme = tls === undefined ? 'http' : 'https';
  const urlAt = (port: number) => `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
  let url = '';

  const refuseOrigin = (origin: string, hostName: string): string | undefined => {
    if (!originIsAllowed(origin, hostName, corsOrigins)) {
      return `pages of ${origin} may not ask this server: add the origin to cors.origins`;
    }
    if (isLoopback && !isLoopbackHost(hostName)) {
      return `the server listens on ${host} and does not know itself as "${hostName}"`;
    }
    return undefined;
  };
  const routeOptions: RouteOptions = {
    graph,
    cold: services.cold,
    authorize,
    logger,
    corsOrigins,
    refuseOrigin,
    graphiql: isLoopback,
    metrics: options.metrics,
    readiness: options.readiness,
    page: () =>
      renderPage({
        ingestUrl: options.ingestUrl,
        queryUrl: url,
        graphiql: isLoopback,
        needsKey: options.needsKey,
        version: services.version,
      }),
  };
  const sockets = createSocketServer({ graph, authorize, logger, refuseOrigin });
  const socket = await ListeningSocket.open(options, (app) => {
    app.ws(GRAPHQL_PATH, sockets.behavior);
    route(app, routeOptions);
  });
  url = urlAt(socket.port);
  return {
    url,
    port: socket.port,
    replaceCertificate: () => socket.replaceCertificate(),
    close() {
      services.queries.close();
      alarmUpdates.close();
      services.followers.close();
      sockets.closeAll();
      socket.close();
    },
  };
}

function route(app: TemplatedApp, options: RouteOptions): void {
  const { logger } = options;
  let inFlight = 0;
  app.any('/*', (res, req) => {
    const exchange = openExchange(res, req);
    if (inFlight >= REQUESTS_MAX) {
      exchange.reply(503, { 'retry-after': '1' }, 'too many requests at a time\n');
      return;
    }
    const handle = ROUTES[exchange.head.path] ?? notFound;
    inFlight++;
    Promise.resolve(handle(exchange, options))
      .catch((error: unknown) => {
        // Whoever asked has gone: nobody misses the answer.
        if (exchange.signal.aborted) return;
        logger.error({ err: error, path: exchange.head.path }, 'a request could not be answered');
        exchange.reply(500, {}, 'internal error\n');
      })
      .finally(() => {
        inFlight--;
      });
  });
}
