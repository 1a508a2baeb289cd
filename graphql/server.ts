/** The query listener: GraphQL, the dashboard, health and metrics, on one port. */
import type { TemplatedApp } from 'uWebSockets.js';
import { undefinedIfFault } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { AlarmUpdates } from '../src/query/alarm-updates.ts';
import type { DashboardPort } from '../src/query/dashboard-port.ts';
import { HealthUpdates } from '../src/query/health-updates.ts';
import type { LeaderPort } from '../src/query/leader-port.ts';
import { type Scheduler, systemScheduler } from '../src/query/live-query.ts';
import { StreamUpdates } from '../src/query/streams.ts';
import type { Access, Authorizer } from './authorize.ts';
import type { Services } from './context.ts';
import { createForwarding } from './forward.ts';
import { type Exchange, openExchange } from './http.ts';
import { FORWARDED_PATH } from './leader-client.ts';
import { CONNECTIONS, SUBSCRIPTIONS } from './limits.ts';
import { isLoopbackAddress, isLoopbackHost, originIsAllowed } from './origin.ts';
import { renderPage } from './page.ts';
import { DASHBOARD_DIR, openPageFiles } from './page-files.ts';
import { Room, type RoomBounds } from './room.ts';
import { forwarded, otherPath, ROUTES, type RouteOptions } from './routes.ts';
import { Sessions } from './sessions.ts';
import { ListeningSocket, type SocketAddress } from './socket.ts';
import { createSubscriptions, type Rooms } from './subscriptions.ts';
import { createSocketServer } from './websocket.ts';
import { createGraphServer, GRAPHQL_PATH } from './yoga.ts';

export interface QueryListenerOptions extends SocketAddress {
  /** Origins whose pages may read answers. Default: none. */
  readonly corsOrigins?: readonly string[];
  readonly authorize: Authorizer;
  /** Whether there are keys at all: else nobody has to sign in. */
  readonly needsKey: boolean;
  readonly services: Services;
  readonly logger: Logger;
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** What is not ready yet, in words; empty when requests can be answered. */
  readonly readiness: () => readonly string[];
  /** Where events are sent to, for the first page. */
  readonly ingestUrl: string;
  /** Paths that others of this server's kind use: authenticated and answered by whoever mounts them. */
  readonly mounted?: Mounted | undefined;
  /** Where the dashboard was built. Default: where `npm ci` does. */
  readonly dashboardDir?: string;
  /** Ends sessions, and paces `health`. */
  readonly scheduler?: Scheduler;
  /** Default: those of `limits.ts`. */
  readonly connectionBounds?: RoomBounds;
  readonly subscriptionBounds?: RoomBounds;
  /** Who answers what one node of a cluster alone can. Undefined: the server is no node of one. */
  readonly leader?: LeaderPort | undefined;
}

/** By path. */
export type Mounted = Readonly<Record<string, (exchange: Exchange) => Promise<void>>>;

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
  const { host, tls, services, logger, authorize, scheduler = systemScheduler } = options;
  const isLoopback = isLoopbackAddress(host);
  const corsOrigins = options.corsOrigins ?? [];
  const alarmUpdates = new AlarmUpdates(services.alarms);
  const healthUpdates = new HealthUpdates(services.health, scheduler);
  const { partitions, clock, dashboards } = services;
  const streamUpdates = new StreamUpdates({ partitions, scheduler, clock });
  const { leader, connectionBounds = CONNECTIONS, subscriptionBounds = SUBSCRIPTIONS } = options;
  const forwarding = leader && createForwarding(leader, logger);
  const tenantOf = tenantLookup(dashboards);
  const rooms: Rooms = {
    connections: new Room({ what: 'live connections', bounds: connectionBounds, tenantOf }),
    subscriptions: new Room({ what: 'subscriptions', bounds: subscriptionBounds, tenantOf }),
  };
  const sessions = new Sessions({
    scheduler,
    onEnd(id) {
      sockets.closeSession(id);
      subscriptions.endSession(id);
    },
  });
  const subscriptions = createSubscriptions({ rooms, isOpen: (id) => sessions.isOpen(id) });
  const graph = createGraphServer({
    services,
    alarmUpdates,
    healthUpdates,
    streamUpdates,
    logger,
    graphiql: isLoopback,
    forwarding,
    subscriptions,
  });
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
  const { connections } = rooms;
  const sockets = createSocketServer({
    ...{ graph, authorize, sessions, connections, logger, refuseOrigin },
  });
  const unfollow = dashboards.onChange(() =>
    sockets.closeShares((hash) => dashboards.mayOpen(hash)),
  );
  const routeOptions: RouteOptions = {
    graph,
    sessions,
    facts: {
      version: services.version,
      ingestUrl: options.ingestUrl,
      needsKey: options.needsKey,
      isSecure: tls !== undefined,
    },
    pages: openPageFiles(options.dashboardDir ?? DASHBOARD_DIR),
    cold: services.cold,
    letters: services.letters,
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
  const socket = await ListeningSocket.open(options, (app) => {
    app.ws(GRAPHQL_PATH, sockets.behavior);
    route(app, routeOptions, {
      ...options.mounted,
      ...(leader && {
        [FORWARDED_PATH]: async (exchange) => forwarded(leader.key)(exchange, routeOptions),
      }),
    });
  });
  url = urlAt(socket.port);
  return {
    url,
    port: socket.port,
    replaceCertificate: () => socket.replaceCertificate(),
    close() {
      unfollow();
      services.queries.close();
      alarmUpdates.close();
      healthUpdates.close();
      streamUpdates.close();
      sessions.close();
      services.followers.close();
      sockets.closeAll();
      socket.close();
      forwarding?.close().catch((error: unknown) => {
        logger.warn({ err: error }, 'connections to the leader could not be closed');
      });
    },
  };
}

/** On a node that does not lead nobody knows whose links are: there those of all tenants share what one may have. */
const tenantLookup =
  (dashboards: DashboardPort) =>
  ({ share, tenant }: Access): string => {
    if (share === undefined) return tenant;
    try {
      return dashboards.shared(share)?.tenant ?? '';
    } catch (error) {
      undefinedIfFault(error);
      return '';
    }
  };

function route(app: TemplatedApp, options: RouteOptions, mounted: Mounted): void {
  const { logger } = options;
  let inFlight = 0;
  app.any('/*', (res, req) => {
    const exchange = openExchange(res, req);
    if (inFlight >= REQUESTS_MAX) {
      exchange.reply(503, { 'retry-after': '1' }, 'too many requests at a time\n');
      return;
    }
    const { path } = exchange.head;
    const handle = mounted[path] ?? ROUTES[path] ?? otherPath;
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
