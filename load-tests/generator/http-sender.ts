/**
 * One keep-alive HTTP/1.1 connection over a plain socket: one write a request, and a parser that knows just the status,
 * the length and the body. `fetch` and `node:http` would cost more CPU than the server that is measured.
 */
import { connect, type Socket } from 'node:net';
import type { Framing, StampedBody } from '../bodies.ts';
import type { LoadOptions } from './protocol.ts';
import type { BodySource } from './source.ts';

const RECONNECT_MS = 20;
/** Of all senders together: what arrives is read before the next socket is. */
const receiveBuffer = Buffer.allocUnsafeSlow(64 * 1_024);
/** As the server writes it. */
const LENGTH = '\r\nContent-Length: ';
const STATUS_AT = 'HTTP/1.1 '.length;
const HEAD_END = '\r\n\r\n';

export interface Sender {
  close(): void;
}

export function httpFraming({ transport, host, port, stream }: LoadOptions): Framing {
  const contentType = transport === 'msgpack' ? 'application/msgpack' : 'application/x-ndjson';
  return (payloadBytes) =>
    Buffer.from(
      `POST /v1/events?stream=${stream} HTTP/1.1\r\nHost: ${host}:${port}\r\n` +
        `Content-Type: ${contentType}\r\nContent-Length: ${payloadBytes}${HEAD_END}`,
    );
}

export function openHttpSender(options: LoadOptions, source: BodySource): Sender {
  let socket: Socket | undefined;
  let reconnect: NodeJS.Timeout | undefined;
  let body: StampedBody | undefined;
  let sentAt = 0;
  let partial = '';
  let closed = false;
  let open = false;

  const next = (): void => {
    if (!open || body !== undefined) return;
    body = source.take(next);
    if (body === undefined) return;
    sentAt = performance.now();
    socket?.write(body.bytes);
  };

  const onReply = (status: number, text: string): void => {
    const answered = body as StampedBody;
    body = undefined;
    if (status === 200 && acceptedAll(text, answered.events)) {
      source.acknowledge(answered, performance.now() - sentAt);
    } else if (status === 429 || status === 503) {
      source.retry(answered, 'refused');
    } else {
      source.reject(answered, `${status} ${text}`);
    }
    if (status === 200) next();
    else reconnect = setTimeout(next, RECONNECT_MS);
  };

  const onBytes = (length: number, buffer: Uint8Array): boolean => {
    const arrived = (buffer as Buffer).toString('latin1', 0, length);
    partial = partial === '' ? arrived : partial + arrived;
    const reply = parseReply(partial);
    if (reply !== undefined) {
      partial = '';
      if (body !== undefined) onReply(reply.status, reply.text);
    }
    return true;
  };

  const dial = (): void => {
    partial = '';
    socket = connect({
      host: options.host,
      port: options.port,
      noDelay: true,
      onread: { buffer: receiveBuffer, callback: onBytes },
    });
    socket.on('connect', () => {
      open = true;
      next();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      const wasOpen = open;
      open = false;
      if (body !== undefined) source.retry(body, 'disconnected');
      body = undefined;
      if (closed) return;
      if (wasOpen) source.countReconnect();
      reconnect = setTimeout(dial, RECONNECT_MS);
    });
  };
  dial();
  return {
    close() {
      closed = true;
      clearTimeout(reconnect);
      socket?.destroy();
    },
  };
}

/** The head of the last reply: until the second of its `Date` is over, most are the same. */
let head = { text: '', status: 0, replyLength: 0 };

/** Undefined while the reply is incomplete. */
export function parseReply(text: string): { status: number; text: string } | undefined {
  if (head.text === '' || !text.startsWith(head.text)) {
    const headEnd = text.indexOf(HEAD_END);
    if (headEnd < 0) return undefined;
    head = parseHead(text.slice(0, headEnd + HEAD_END.length));
  }
  const { status, replyLength } = head;
  if (text.length < replyLength) return undefined;
  return { status, text: text.slice(head.text.length, replyLength) };
}

/** Without a length there is no body. */
function parseHead(text: string): typeof head {
  const lengthAt = text.indexOf(LENGTH);
  const bodyLength = lengthAt < 0 ? 0 : digits(text, lengthAt + LENGTH.length);
  return { text, status: digits(text, STATUS_AT), replyLength: text.length + bodyLength };
}

/** The decimal number at `at`. */
function digits(text: string, at: number): number {
  let value = 0;
  for (let i = at; ; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}

/** Of the last body: nearly all have as many events. */
let expectedEvents = -1;
let expectedStart = '';

/** Without `JSON.parse`, which a reply to a single event would make a notable cost. */
export function acceptedAll(reply: string, events: number): boolean {
  if (events !== expectedEvents) {
    expectedEvents = events;
    expectedStart = `{"accepted":${events},"rejected":0,`;
  }
  return reply.startsWith(expectedStart);
}
