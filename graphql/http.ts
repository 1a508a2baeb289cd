/** HTTP over uWebSockets as web-standard requests and responses, with every body bounded in both directions. */
import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { ByteSource } from '../src/model/byte-source.ts';
import { sendStream } from './send-stream.ts';
import { TextResponse } from './text-response.ts';

/** What is read off a request before uWebSockets takes it away, at the end of the route handler's turn. */
export interface RequestHead {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
}

/** One request's way out: at most one answer, none after the client has gone. */
export interface Exchange {
  readonly head: RequestHead;
  /** Aborted when the client goes away. */
  readonly signal: AbortSignal;
  /** The whole body; undefined if it is longer than `bytesMax` or the client went away. */
  body(bytesMax: number): Promise<Buffer<ArrayBuffer> | undefined>;
  reply(status: number, headers: Record<string, string>, body: string): void;
  /** Resolves when the response has gone out, or the client. */
  respond(response: Response): Promise<void>;
  /**
   * Answers 200 with a body that is made as it is sent, and closes it. Resolves when it has gone out, or the client. If it
   * fails the connection is broken off, so that nobody takes a part for the whole, and this rejects.
   */
  stream(headers: Record<string, string>, body: ByteSource): Promise<void>;
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  204: 'No Content',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};

/** uWebSockets writes these itself. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'content-length',
  'transfer-encoding',
  'connection',
]);

/** Must be called in the same turn as the route handler. */
export function openExchange(res: HttpResponse, req: HttpRequest): Exchange {
  const headers = new Headers();
  req.forEach((name, value) => {
    headers.append(name, value);
  });
  // What a GET would be answered, and no body: whoever asks takes one for the next answer.
  const isHead = req.getMethod() === 'head';
  const head = {
    method: isHead ? 'get' : req.getMethod(),
    path: req.getUrl(),
    query: req.getQuery() ?? '',
    headers,
  };
  const client = new AbortController();
  const { signal } = client;
  let isAnswered = false;
  res.onAborted(() => client.abort());
  return {
    head,
    signal,
    body: (bytesMax) => readBody(res, signal, bytesMax),
    reply(status, replyHeaders, body) {
      if (isAnswered || signal.aborted) return;
      isAnswered = true;
      res.cork(() => {
        writeHead(res, status, Object.entries(replyHeaders));
        if (isHead) res.endWithoutBody();
        else res.end(body);
      });
    },
    respond(response) {
      isAnswered = true;
      return isHead ? sendHead(res, signal, response) : sendResponse(res, signal, response);
    },
    stream(streamHeaders, body) {
      isAnswered = true;
      const writeStreamHead = () => writeHead(res, 200, Object.entries(streamHeaders));
      if (isHead) {
        body.close();
        endWithoutBody(res, signal, writeStreamHead);
        return Promise.resolve();
      }
      return sendStream(res, signal, writeStreamHead, body);
    },
  };
}

function readBody(
  res: HttpResponse,
  signal: AbortSignal,
  bytesMax: number,
): Promise<Buffer<ArrayBuffer> | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer<ArrayBuffer>[] = [];
    let bytes = 0;
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
    res.onData((chunk, isLast) => {
      bytes += chunk.byteLength;
      // What is past the bound is read and dropped, so that the client gets to see the answer.
      if (bytes > bytesMax) resolve(undefined);
      else chunks.push(Buffer.from(chunk.slice(0))); // uWebSockets reuses its memory.
      if (isLast) resolve(Buffer.concat(chunks));
    });
  });
}

async function sendResponse(
  res: HttpResponse,
  signal: AbortSignal,
  response: Response,
): Promise<void> {
  if (signal.aborted) {
    await response.body?.cancel();
    return;
  }
  if (isStream(response)) {
    const writeStreamHead = () => writeHead(res, response.status, response.headers);
    return sendStream(res, signal, writeStreamHead, sourceOf(response));
  }
  const body = await TextResponse.bytesOf(response);
  if (signal.aborted) return;
  res.cork(() => writeHead(res, response.status, response.headers));
  await sendWhole(res, signal, body);
}

/** As `sendResponse`, without the body. */
async function sendHead(res: HttpResponse, signal: AbortSignal, response: Response): Promise<void> {
  await response.body?.cancel();
  endWithoutBody(res, signal, () => writeHead(res, response.status, response.headers));
}

function endWithoutBody(res: HttpResponse, signal: AbortSignal, writeStart: () => void): void {
  if (signal.aborted) return;
  res.cork(() => {
    writeStart();
    res.endWithoutBody();
  });
}

const isStream = ({ headers }: Response): boolean =>
  headers.get('content-type')?.startsWith('text/event-stream') === true;

function writeHead(
  res: HttpResponse,
  status: number,
  headers: Iterable<readonly [string, string]>,
): void {
  res.writeStatus(`${status} ${STATUS_TEXT[status] ?? 'Other'}`);
  for (const [name, value] of headers) {
    if (!OWN_HEADERS.has(name.toLowerCase())) res.writeHeader(name, value);
  }
}

/** Hands the body over at the pace of the client, so that a slow one does not make uWebSockets copy the rest. */
function sendWhole(res: HttpResponse, signal: AbortSignal, body: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    const start = res.getWriteOffset();
    const sendFrom = (offset: number): boolean => {
      let isSent = false;
      res.cork(() => {
        const [sent, isDone] = res.tryEnd(body.subarray(offset), body.byteLength);
        isSent = sent;
        if (isDone) resolve();
      });
      return isSent;
    };
    res.onWritable((offset) => sendFrom(offset - start));
    sendFrom(0);
  });
}

function sourceOf(response: Response): ByteSource {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? undefined : value;
    },
    close: () => void reader.cancel(),
  };
}
