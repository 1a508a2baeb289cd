/**
 * graphql-transport-ws over uWebSockets. A socket holds at most one message that its client has not taken; while it
 * does, nothing more is asked of its subscriptions, which then are nothing but cursors.
 */

import type { WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import { ok as assert } from 'node:assert/strict';
import { type ExecutionArgs, GraphQLError } from 'graphql';
import { type Context, handleProtocols, makeServer, type SubscribePayload } from 'graphql-ws';
import type { Logger } from '../src/model/logger.ts';
import { type Access, type Authorizer, bearerSecret, mayAsk } from './authorize.ts';
import { maskError } from './error-mask.ts';
import { BODY_BYTES_MAX, WAITING_SOCKETS_MAX } from './limits.ts';
import type { Room } from './room.ts';
import { stringifyResult } from './series-json.ts';
import { type FoundSession, isOwnOrigin, type Sessions } from './sessions.ts';
import type { GraphServer } from './yoga.ts';

export interface SocketOptions {
  readonly graph: GraphServer;
  readonly authorize: Authorizer;
  readonly sessions: Sessions;
  /** For all that stays open, streams over HTTP among it. */
  readonly connections: Room;
  readonly logger: Logger;
  /** Undefined if a page of that origin may connect, else why not. */
  readonly refuseOrigin: (origin: string, host: string) => string | undefined;
}

export interface SocketServer {
  readonly behavior: WebSocketBehavior<Connection>;
  /** Closes what was opened in the name of that session. */
  closeSession(id: string): void;
  /** Closes what was opened by links that have ended. */
  closeShares(mayOpen: (hash: string) => boolean): void;
  /** Tells every client that the server goes away. */
  closeAll(): void;
}

/** Operations of one connection at a time. */
const OPERATIONS_MAX = 64;
/** A client that answers no ping for so long, be it only because it reads nothing, is given up. */
const IDLE_TIMEOUT_SECONDS = 120;
/** The protocol's close codes that are ours to use. */
const CLOSE = {
  goingAway: 1001,
  tryAgainLater: 1013,
  forbidden: 4403,
  internalError: 4500,
} as const;

/** State of one socket, kept by uWebSockets. */
interface Connection {
  readonly protocol: string;
  /** From the upgrade request, or of its session; a page of elsewhere can set none and sends it with `connection_init`. */
  authorization: string | undefined;
  /** Which session that is of. */
  readonly sessionId: string | undefined;
  access: Access | undefined;
  /** Why it may not stay although its key is good: whoever holds that has as many connections as may be. */
  refusal: string | undefined;
  /** Gives back its room. */
  leave: () => void;
  /** Of the message that is being written. */
  payload: string | undefined;
  isOpen: boolean;
  drained: PromiseWithResolvers<void>;
  receive: (text: string) => Promise<void>;
  closed: (code: number, reason: string) => Promise<void>;
}

type Socket = WebSocket<Connection>;
type ConnectionContext = Context<Record<string, unknown> | undefined, Connection>;
type Enveloped = ReturnType<GraphServer['getEnveloped']>;
/** The functions that belong to one operation travel with its arguments. */
type OperationArgs = ExecutionArgs & {
  readonly rootValue: Pick<Enveloped, 'execute' | 'subscribe'>;
};

export function createSocketServer(options: SocketOptions): SocketServer {
  const { graph, sessions, logger, refuseOrigin } = options;
  const sockets = new Set<Socket>();
  /** Those that have not said who they are. */
  const waiting = new Set<Connection>();
  const server = makeServer<Record<string, unknown> | undefined, Connection>({
    onConnect(context) {
      waiting.delete(context.extra);
      return admit(context, options);
    },
    onSubscribe: (context, _id, payload) => prepare(context, payload, graph, logger),
    execute: (args) => (args as OperationArgs).rootValue.execute(args),
    subscribe: (args) => (args as OperationArgs).rootValue.subscribe(args),
    onNext: ({ extra }, _id, _payload, _args, result) => writtenAside(extra, result),
    onError: (_context, _id, _payload, errors) =>
      errors.map((error) => maskError(error, logger).toJSON()),
  });
  const behavior: WebSocketBehavior<Connection> = {
    maxPayloadLength: BODY_BYTES_MAX,
    idleTimeout: IDLE_TIMEOUT_SECONDS,
    sendPingsAutomatically: true,
    upgrade(res, req, context) {
      const origin = req.getHeader('origin');
      const host = req.getHeader('host');
      const refusal = refuseOrigin(origin, host);
      if (refusal !== undefined) {
        res.writeStatus('403 Forbidden').end(refusal);
        return;
      }
      if (waiting.size >= WAITING_SOCKETS_MAX) {
        res.writeStatus('503 Service Unavailable').writeHeader('retry-after', '5');
        res.end(
          `${WAITING_SOCKETS_MAX} WebSockets have not said yet who they are: try again later`,
        );
        return;
      }
      // A cookie comes with sockets of any page: it counts for our own alone.
      const session = isOwnOrigin(origin, host)
        ? sessions.find(req.getHeader('cookie'), host)
        : undefined;
      const protocol = handleProtocols(req.getHeader('sec-websocket-protocol')) || '';
      res.upgrade<Connection>(
        newConnection(protocol, req.getHeader('authorization'), session),
        req.getHeader('sec-websocket-key'),
        protocol,
        req.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    open(socket) {
      sockets.add(socket);
      const connection = socket.getUserData();
      waiting.add(connection);
      connection.closed = server.opened(
        {
          protocol: connection.protocol,
          send: (text) => sendWhenDrained(socket, connection, withPayload(connection, text)),
          close: (code, reason) => {
            // Not in this turn: the message that explains it may be on its way.
            setImmediate(() => {
              const { isOpen, refusal } = connection;
              if (!isOpen) return;
              if (refusal === undefined) socket.end(code, reason);
              else socket.end(CLOSE.tryAgainLater, refusal);
            });
          },
          onMessage: (receive) => {
            connection.receive = receive;
          },
        },
        connection,
      );
    },
    message(socket, bytes) {
      const connection = socket.getUserData();
      connection.receive(Buffer.from(bytes).toString()).catch((error: unknown) => {
        logger.error({ err: error }, 'a WebSocket message could not be handled');
        if (connection.isOpen) socket.end(CLOSE.internalError, 'internal error');
      });
    },
    drain(socket) {
      // Not in this turn: without TLS, a message of 16 KiB and more that is sent in here and does not fit does not count as
      // waiting (`us_socket_write2`), and uSockets stops polling for room when this returns.
      setImmediate(wake, socket.getUserData());
    },
    close(socket, code, reason) {
      sockets.delete(socket);
      const connection = socket.getUserData();
      connection.isOpen = false;
      waiting.delete(connection);
      connection.leave();
      wake(connection);
      connection.closed(code, Buffer.from(reason).toString()).catch((error: unknown) => {
        logger.error({ err: error }, 'a WebSocket connection could not be cleaned up');
      });
    },
  };
  return {
    behavior,
    closeSession(id) {
      for (const socket of [...sockets]) {
        if (socket.getUserData().sessionId === id) socket.end(CLOSE.forbidden, 'signed out');
      }
    },
    closeShares(mayOpen) {
      for (const socket of [...sockets]) {
        const share = socket.getUserData().access?.share;
        if (share !== undefined && !mayOpen(share))
          socket.end(CLOSE.forbidden, 'the link has ended');
      }
    },
    closeAll() {
      for (const socket of [...sockets]) socket.end(CLOSE.goingAway, 'the server is shutting down');
    },
  };
}

const newConnection = (
  protocol: string,
  authorization: string,
  session: FoundSession | undefined,
): Connection => ({
  protocol,
  authorization: authorization === '' ? session?.authorization : authorization,
  sessionId: session?.id,
  access: undefined,
  refusal: undefined,
  leave: () => {},
  payload: undefined,
  isOpen: true,
  drained: Promise.withResolvers(),
  receive: async () => {},
  closed: async () => {},
});

function wake(connection: Connection): void {
  connection.drained.resolve();
  connection.drained = Promise.withResolvers();
}

/**
 * graphql-ws writes each message by one `JSON.stringify`, which knows no text that is JSON already, and sends it in the same turn. So of a
 * result the message gets null, and `withPayload` puts its text there.
 */
function writtenAside(connection: Connection, result: { readonly data?: unknown }): object {
  return {
    toJSON() {
      connection.payload = stringifyResult(result);
      return null;
    },
  };
}

function withPayload(connection: Connection, message: string): string {
  const { payload } = connection;
  if (payload === undefined) return message;
  connection.payload = undefined;
  assert(message.endsWith(NO_PAYLOAD), 'a payload is the last of its message');
  return `${message.slice(0, -NO_PAYLOAD.length)}"payload":${payload}}`;
}

const NO_PAYLOAD = '"payload":null}';

async function sendWhenDrained(
  socket: Socket,
  connection: Connection,
  text: string,
): Promise<void> {
  while (connection.isOpen && socket.getBufferedAmount() > 0) await connection.drained.promise;
  if (connection.isOpen) socket.send(text);
}

/** The key comes with the upgrade or with `connection_init`; false closes with 4403, or with 1013 if there is a refusal. */
function admit(
  { connectionParams, extra }: ConnectionContext,
  { authorize, connections }: SocketOptions,
): boolean {
  const sent = connectionParams?.['authorization'] ?? connectionParams?.['Authorization'];
  const authorization = typeof sent === 'string' ? sent : extra.authorization;
  const access = authorize(bearerSecret(authorization));
  if (access === undefined || !mayAsk(access)) return false;
  const room = connections.take(access);
  if (!room.ok) {
    extra.refusal = room.error;
    return false;
  }
  extra.leave = room.value;
  extra.access = access;
  extra.authorization = authorization;
  return true;
}

/** Parses and validates an operation; answers what to execute, or the errors that the client gets. */
async function prepare(
  { extra, subscriptions }: ConnectionContext,
  payload: SubscribePayload,
  graph: GraphServer,
  logger: Logger,
): Promise<OperationArgs | readonly GraphQLError[]> {
  if (extra.access === undefined)
    throw new Error('an operation came before its connection was admitted');
  if (Object.keys(subscriptions).length > OPERATIONS_MAX) {
    const extensions = { code: 'query_overload', retryable: true };
    return [new GraphQLError(`a connection may run ${OPERATIONS_MAX} operations`, { extensions })];
  }
  try {
    const { access, authorization } = extra;
    const caller = { authorization, isForwarded: false };
    const enveloped = graph.getEnveloped({ access, caller, params: payload });
    const { schema, parse, validate, contextFactory, execute, subscribe } = enveloped;
    const document = parse(payload.query);
    const errors = validate(schema, document);
    if (errors.length > 0) return errors;
    return {
      schema,
      document,
      operationName: payload.operationName ?? null,
      variableValues: payload.variables ?? null,
      contextValue: await contextFactory(),
      rootValue: { execute, subscribe },
    };
  } catch (error) {
    return [maskError(error, logger)];
  }
}
