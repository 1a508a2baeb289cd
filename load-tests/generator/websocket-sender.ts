/**
 * A WebSocket client of the ingest contract (RFC 6455) that sends pre-framed bodies. Clients must mask; this one
 * masks with the key 0, so a stamped body is already masked. Sends as long as the server's credit lasts.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { StampedBody } from '../bodies.ts';
import { OPCODE, pong, readFrames } from '../websocket-frames.ts';
import type { Sender } from './http-sender.ts';
import type { LoadOptions } from './protocol.ts';
import type { BodySource } from './source.ts';

const RECONNECT_MS = 20;

/** What the server says: its credit at the start, then one acknowledgement per frame. */
interface ServerMessage {
  readonly credit?: { readonly frames: number; readonly bytes: number };
  readonly seq?: number;
  readonly accepted?: number;
  readonly rejected?: number;
  readonly retryAfterMs?: number;
}

interface InFlight {
  readonly body: StampedBody;
  readonly sentAt: number;
}

/** `frameBytesMax` is the size of the largest body: it is sent only while the credit covers it. */
export function openWebSocketSender(
  options: LoadOptions,
  source: BodySource,
  frameBytesMax: number,
): Sender {
  let socket: Socket | undefined;
  let reconnect: NodeJS.Timeout | undefined;
  let closed = false;
  let upgraded = false;
  let received: Buffer = Buffer.alloc(0);
  let credit = { frames: 0, bytes: 0 };
  /** By the number of the frame, counted from 1 on each connection. A refusal may overtake earlier frames' answers. */
  const inFlight = new Map<number, InFlight>();
  let frames = 0;

  const next = (): void => {
    while (upgraded && credit.frames > 0 && credit.bytes >= frameBytesMax) {
      const body = source.take(next);
      if (body === undefined) return;
      credit.frames--;
      credit.bytes -= body.bytes.length;
      inFlight.set(++frames, { body, sentAt: performance.now() });
      socket?.write(body.bytes);
    }
  };

  const onMessage = (text: string): void => {
    const message: ServerMessage = JSON.parse(text);
    if (message.credit !== undefined) {
      credit = { ...message.credit };
    } else if (message.seq !== undefined) {
      const answered = inFlight.get(message.seq);
      if (answered === undefined) return;
      inFlight.delete(message.seq);
      credit.frames++;
      credit.bytes += answered.body.bytes.length;
      settle(answered, message, text);
    }
    if (message.retryAfterMs === undefined) next();
    else reconnect = setTimeout(next, message.retryAfterMs);
  };

  const settle = ({ body, sentAt }: InFlight, message: ServerMessage, text: string): void => {
    if (message.retryAfterMs !== undefined) source.retry(body, 'refused');
    else if (message.accepted === body.events && message.rejected === 0) {
      source.acknowledge(body, performance.now() - sentAt);
    } else source.reject(body, text);
  };

  const onData = (chunk: Buffer): void => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    if (!upgraded) {
      const end = received.indexOf('\r\n\r\n');
      if (end < 0) return;
      upgraded = received.toString('latin1', 0, 12) === 'HTTP/1.1 101';
      if (!upgraded) socket?.destroy();
      received = received.subarray(end + 4);
    }
    received = readFrames(received, (opcode, payload) => {
      if (opcode === OPCODE.text) onMessage(payload.toString());
      else if (opcode === OPCODE.ping) socket?.write(pong(payload));
      else if (opcode === OPCODE.close) socket?.destroy();
    });
  };

  const dial = (): void => {
    received = Buffer.alloc(0);
    socket = connect({ host: options.host, port: options.port, noDelay: true });
    socket.on('connect', () => socket?.write(upgradeRequest(options)));
    socket.on('data', onData);
    socket.on('error', () => {});
    socket.on('close', () => {
      if (upgraded) source.countReconnect();
      upgraded = false;
      credit = { frames: 0, bytes: 0 };
      for (const { body } of inFlight.values()) source.retry(body, 'disconnected');
      inFlight.clear();
      frames = 0;
      if (!closed) reconnect = setTimeout(dial, RECONNECT_MS);
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

function upgradeRequest({ host, port, stream }: LoadOptions): string {
  return (
    `GET /v1/ws?stream=${stream} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`
  );
}
