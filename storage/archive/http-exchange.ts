/** One HTTP request and its answer, as a stream both ways, with a bound on every wait. */
import {
  type IncomingMessage,
  type OutgoingHttpHeaders,
  Agent as PlainAgent,
  request as plainRequest,
} from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/** Of an exchange, in milliseconds. */
export interface HttpTimeouts {
  /** Until a connection stands, with TLS. */
  readonly connectMs: number;
  /** Without a byte in either direction. */
  readonly idleMs: number;
  /** From the beginning to the answer's last byte. */
  readonly wholeMs: number;
}

export interface HttpBody {
  readonly bytes: number;
  open(): Readable;
}

export interface HttpCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url: URL;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: HttpBody;
}

/** No answer, or not all of it: nobody knows what came of the request. */
export class HttpFailure extends Error {
  readonly host: string;
  /** Whom it was sent to, where a connection was tried. */
  readonly address: string | undefined;

  constructor(url: URL, address: string | undefined, cause: unknown) {
    // Of the URL the host only: its query may hold a token.
    super(`${url.host}: ${cause instanceof Error ? cause.message : cause}`, { cause });
    this.name = 'HttpFailure';
    this.host = url.host;
    this.address = address;
  }
}

/** An answer whose body is yet to be read: it holds its connection until it is. */
export interface HttpAnswer {
  readonly status: number;
  header(name: string): string | undefined;
  /** Rejects with `HttpFailure` if it is cut off. */
  body(): AsyncGenerator<Buffer>;
}

export interface HttpExchange {
  /** Rejects with `HttpFailure`. Follows no redirect. */
  send(call: HttpCall): Promise<HttpAnswer>;
  close(): void;
}

/** @param ca certificates in PEM to trust instead of those that Node.js brings */
export function createHttpExchange(
  timeouts: HttpTimeouts,
  connectionsMax: number,
  ca: string | undefined,
): HttpExchange {
  const { connectMs, idleMs, wholeMs } = timeouts;
  const pooled = { keepAlive: true, maxSockets: connectionsMax, timeout: idleMs };
  const plain = new PlainAgent(pooled);
  const tls = new TlsAgent({ ...pooled, ...(ca !== undefined && { ca }) });
  const closing = new AbortController();

  return {
    send({ method, url, headers, body }) {
      const isTls = url.protocol === 'https:';
      let address: string | undefined;
      const failure = (cause: unknown): HttpFailure =>
        cause instanceof HttpFailure
          ? cause
          : new HttpFailure(url, address ?? addressOf(cause), cause);
      return new Promise((answered, failed) => {
        const request = (isTls ? tlsRequest : plainRequest)(url, {
          method,
          headers: { ...headers, 'content-length': body?.bytes ?? 0 },
          agent: isTls ? tls : plain,
          timeout: idleMs,
          signal: AbortSignal.any([closing.signal, AbortSignal.timeout(wholeMs)]),
        });
        request.on('error', (error) => failed(failure(error)));
        request.once('timeout', () => request.destroy(new Error(`no byte for ${idleMs} ms`)));
        request.once('socket', (socket) => {
          const connected = (): void => {
            address = socket.remoteAddress;
          };
          if (!socket.connecting) return connected();
          const timer = setTimeout(
            () => request.destroy(new Error(`no connection after ${connectMs} ms`)),
            connectMs,
          );
          socket.once('connect', connected);
          socket.once(isTls ? 'secureConnect' : 'connect', () => clearTimeout(timer));
          socket.once('close', () => clearTimeout(timer));
        });
        request.once('response', (answer) => answered(answerOf(answer, failure)));
        if (body === undefined) request.end();
        // A server may refuse before it has read everything: its answer counts then, not that it stopped reading.
        else pipeline(body.open(), request).catch((error: unknown) => failed(failure(error)));
      });
    },

    close() {
      closing.abort();
      plain.destroy();
      tls.destroy();
    },
  };
}

function answerOf(answer: IncomingMessage, failure: (cause: unknown) => HttpFailure): HttpAnswer {
  return {
    status: answer.statusCode ?? 0,
    header(name) {
      const value = answer.headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
    async *body() {
      try {
        yield* answer;
      } catch (error) {
        throw failure(error);
      }
    },
  };
}

/** Of a connection that was refused. */
const addressOf = (error: unknown): string | undefined =>
  error instanceof Error && 'address' in error && typeof error.address === 'string'
    ? error.address
    : undefined;
