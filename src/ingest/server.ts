/** The ingest listener: puts the parts of an edge together, routes, and stops in order. */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import type { Clock } from '../model/clock.ts';
import type { EventsToSend, SentEvents } from '../model/event-to-send.ts';
import type { Logger } from '../model/logger.ts';
import type { AppendLog } from './append-log.ts';
import { AppliedWaits, type WhenApplied } from './applied.ts';
import { BodyMemory } from './body-memory.ts';
import { watchCertificate } from './certificates.ts';
import { TrustedProxies } from './client-address.ts';
import { clientScriptRoute } from './client-script.ts';
import { Coalescer, type OffsetBehind } from './coalescer.ts';
import { Counters, type EdgeCounts } from './counters.ts';
import { DEFAULT_DECODE_LIMITS } from './decode/limits.ts';
import type { EdgeContext } from './edge-context.ts';
import { handleEvents } from './events.ts';
import { Exchange, isHead, type Route } from './exchange.ts';
import { routeHealth } from './health.ts';
import { Inflater } from './inflate.ts';
import { KeyRing } from './keys.ts';
import { BATCH_ROWS_MAX, DRAIN_MS, SLOW_BODY_SWEEP_MS } from './limits.ts';
import { Listener } from './listener.ts';
import type { EdgeOptions } from './options.ts';
import { Origins, PREFLIGHT_HEADERS } from './origins.ts';
import { ParameterReader } from './parameters.ts';
import { Pieces } from './pieces.ts';
import { Pixel } from './pixel.ts';
import type { Producer } from './producer.ts';
import { Quotas } from './quota.ts';
import type { LogRefusalCode, Refusal } from './refusal.ts';
import { RefusalLog } from './refusal-log.ts';
import { sendEvents } from './send-events.ts';
import { SlowBodies } from './slow-bodies.ts';
import type { VisitAnswers } from './visits.ts';
import { WebSockets } from './web-socket.ts';

export interface EdgeDependencies {
  readonly log: AppendLog;
  readonly producer: Producer;
  readonly whenApplied: WhenApplied;
  /** See `CoalescerOptions`. */
  readonly offsetBehind?: OffsetBehind;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Why the rest of the server is not ready for events; undefined if it is. */
  readonly unreadyReason: () => string | undefined;
  /** More than the code of a log that takes nothing. */
  readonly refusalInWords?: (refusal: LogRefusalCode) => string;
  /** What somebody should know who hears that it is ready. */
  readonly readyNote?: () => string | undefined;
  /** Wanted with `web` in the options. */
  readonly visits?: VisitAnswers;
}

export interface Edge {
  counts(): EdgeCounts;
  /** See `sendEvents`. */
  send(events: EventsToSend): Promise<SentEvents>;
  /** Stops taking requests, finishes those in progress within a bound, closes. The log stays open. */
  close(): Promise<void>;
  /** Closes at once, for a thread that is about to die: its process would be aborted otherwise. */
  abort(): void;
}

/** Rejects with `listen_failed`, or `config_invalid` for a certificate that is not usable. */
export async function startEdge(options: EdgeOptions, needs: EdgeDependencies): Promise<Edge> {
  const { limits, edges, tls } = options;
  const { clock, logger, log } = needs;
  let isClosing = false;
  const counters = new Counters();
  const memory = new BodyMemory();
  const slowBodies = new SlowBodies(clock, limits.bodyTimeoutMs);
  const { bodyBytesMax } = limits;
  const quotas = new Quotas(limits, edges);
  const proxies = new TrustedProxies(options.trustedProxies);
  const coalescer = new Coalescer({
    log,
    clock,
    producer: needs.producer,
    partitions: options.partitions,
    decodeLimits: { ...DEFAULT_DECODE_LIMITS, ...limits, batchRowsMax: BATCH_ROWS_MAX },
    counters,
    logger,
    offsetBehind: needs.offsetBehind,
    eventTime: limits.eventTime,
  });
  const edge: EdgeContext = {
    rules: {
      keys: new KeyRing(options.keys),
      origins: new Origins(options.corsOrigins),
      parameters: new ParameterReader(),
      quotas,
      log,
      memory,
      clock,
      bodyBytesMax,
      hasProxies: !proxies.isEmpty,
      isClosing: () => isClosing,
    },
    bodyRules: { memory, slowBodies, bodyBytesMax },
    coalescer,
    pieces: new Pieces({ coalescer, memory, counters, quotas }),
    inflater: new Inflater(bodyBytesMax),
    applied: new AppliedWaits(needs.whenApplied),
    counters,
    refusalLog: new RefusalLog(logger, clock, proxies),
    pages: options.web && needs.visits && { ...options.web, proxies, answers: needs.visits },
    unreadyReason: () => {
      if (isClosing) return 'the server is stopping';
      const { refusal } = log;
      if (refusal === undefined) return needs.unreadyReason();
      return needs.refusalInWords?.(refusal) ?? refusal;
    },
    readyNote: () => needs.readyNote?.(),
  };
  const webSockets = new WebSockets(edge);
  const pixel = edge.pages && new Pixel(edge, edge.pages);
  const listener = await Listener.open({
    ...options,
    tls,
    connectionsMax: Math.ceil(limits.connectionsMax / edges),
    routes: (app) => {
      routePixel(app, edge, pixel);
      route(app, edge, webSockets, options.clientScript);
    },
    connectionsChanged: (count) => {
      counters.connections = count;
    },
  });
  const unwatch = tls && (await watchCertificate(listener, tls, logger));
  const sweep = setInterval(() => slowBodies.sweep(), SLOW_BODY_SWEEP_MS);
  const abort = () => {
    clearInterval(sweep);
    unwatch?.();
    listener.close();
  };
  return {
    counts: () => ({ ...counters.snapshot(), bodyMemoryBytes: memory.bytesTaken }),
    abort,
    send: (events) => sendEvents({ ...edge, ...needs }, events),
    async close() {
      isClosing = true;
      listener.stop();
      await inTime(finished(edge, pixel), DRAIN_MS);
      webSockets.closeAll();
      abort();
    },
  };
}

function route(
  app: TemplatedApp,
  edge: EdgeContext,
  webSockets: WebSockets,
  clientScript: string | undefined,
): void {
  const refuse = (res: HttpResponse, req: HttpRequest, origin = req.getHeader('origin')) =>
    new Exchange(res, edge.counters, edge.rules.origins.answerTo(origin), isHead(req));
  app.post('/v1/events', (res, req) => handleEvents(edge, res, req));
  app.options('/v1/events', (res, req) => refuse(res, req).reply(204, '', PREFLIGHT_HEADERS));
  app.any('/v1/events', (res, req) => {
    const method = req.getCaseSensitiveMethod();
    refuse(res, req).refuse(
      { code: 'method_not_allowed', message: `expected POST, received ${method}` },
      [['Allow', 'POST, OPTIONS']],
    );
  });
  webSockets.route(app);
  app.any('/v1/ws', (res, req) =>
    refuse(res, req, '').refuse(
      { code: 'upgrade_required', message: 'expected a WebSocket handshake' },
      [['Upgrade', 'websocket']],
    ),
  );
  routeHealth(app, edge);
  const script: Route =
    clientScript === undefined
      ? (res, req) => refuse(res, req, '').refuse(NO_CLIENT_SCRIPT)
      : clientScriptRoute(clientScript);
  app.get('/client.js', script).head('/client.js', script);
  app.any('/*', (res, req) =>
    refuse(res, req).refuse({
      code: 'not_found',
      message:
        'expected POST /v1/events, GET /v1/ws, GET /v1/pixel.gif or GET /client.js; questions go to the query listener',
    }),
  );
}

const NO_CLIENT_SCRIPT: Refusal = {
  code: 'not_found',
  message:
    'the client for pages is not built here: run "npm ci" without --omit=dev, then start the server again',
};

function routePixel(app: TemplatedApp, edge: EdgeContext, pixel: Pixel | undefined): void {
  const path = '/v1/pixel.gif';
  const refuse = (res: HttpResponse, req: HttpRequest) =>
    new Exchange(res, edge.counters, '', isHead(req));
  if (pixel === undefined) {
    app.any(path, (res, req) => refuse(res, req).refuse(NO_PIXEL));
    return;
  }
  const show: Route = (res, req) => pixel.handle(res, req);
  app.get(path, show).head(path, show);
  app.any(path, (res, req) => {
    const message = `expected GET, received ${req.getCaseSensitiveMethod()}`;
    refuse(res, req).refuse({ code: 'method_not_allowed', message }, [['Allow', 'GET, HEAD']]);
  });
}

const NO_PIXEL: Refusal = {
  code: 'not_found',
  message:
    'there is no pixel here: set web.enabled to true in the configuration, then start the server again',
};

/** Resolves when every request has its answer and everything is in the log. */
async function finished(
  { coalescer, counters }: EdgeContext,
  pixel: Pixel | undefined,
): Promise<void> {
  do {
    await coalescer.drained();
    await new Promise((resolve) => setTimeout(resolve, 5));
  } while (counters.requestsInProgress > 0 || pixel?.isIdle === false);
}

async function inTime(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
