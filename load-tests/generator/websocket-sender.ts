/**
 * A WebSocket client of the ingest contract (RFC 6455) that sends pre-framed bodies. Clients must mask; this one
 * masks with the key 0, so a stamped body is already masked. Sends as long as the server's credit lasts.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Framing, StampedBody } from '../bodies.ts';
import type { Sender } from './http-sender.ts';
import type { LoadOptions } from './protocol.ts';
import type { BodySource } from './source.ts';

const RECONNECT_MS = 20;
const OPCODE_TEXT = 1;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const MASK_BIT = 0x80;
const FINAL_BIT = 0x80;
const MASK_KEY_BYTES = 4;

/** A text frame's header with the mask key 0. */
export const websocketFraming: Framing = (payloadBytes) => {
  const wide = payloadBytes > 0xffff;
  const header = Buffer.alloc((wide ? 10 : payloadBytes > 125 ? 4 : 2) + MASK_KEY_BYTES);
  header[0] = FINAL_BIT | OPCODE_TEXT;
  if (wide) {
    header[1] = MASK_BIT | 127;
    header.writeBigUInt64BE(BigInt(payloadBytes), 2);
  } else if (payloadBytes > 125) {
    header[1] = MASK_BIT | 126;
    header.writeUInt16BE(payloadBytes, 2);
  } else {
    header[1] = MASK_BIT | payloadBytes;
  }
  return header;
};

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

export function openWebSocketSender(options: LoadOptions, source: BodySource): Sender {
  let socket: Socket | undefined;
  let reconnect: NodeJS.Timeout | undefined;
  let closed = false;
  let upgraded = false;
  let received: Buffer = Buffer.alloc(0);
  let credit = { frames: 0, bytes: 0 };
  /** Frames are answered in the order in which they were sent. */
  let inFlight: InFlight[] = [];

  const next = (): void => {
    while (upgraded && credit.frames > 0 && credit.bytes > 0) {
      const body = source.take(next);
      if (body === undefined) return;
      credit.frames--;
      credit.bytes -= body.bytes.length;
      inFlight.push({ body, sentAt: performance.now() });
      socket?.write(body.bytes);
    }
  };

  const onMessage = (text: string): void => {
    const message: ServerMessage = JSON.parse(text);
    if (message.credit !== undefined) {
      credit = { ...message.credit };
    } else if (message.seq !== undefined) {
      const answered = inFlight.shift();
      if (answered === undefined) return;
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
      if (opcode === OPCODE_TEXT) onMessage(payload.toString());
      else if (opcode === OPCODE_PING) socket?.write(pong(payload));
      else if (opcode === OPCODE_CLOSE) socket?.destroy();
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
      const lost = inFlight;
      inFlight = [];
      for (const { body } of lost) source.retry(body, 'disconnected');
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

/** Calls `onFrame` for each whole frame; answers the bytes of the one that is not complete. */
export function readFrames(
  bytes: Buffer,
  onFrame: (opcode: number, payload: Buffer) => void,
): Buffer<ArrayBuffer> {
  let at = 0;
  while (bytes.length - at >= 2) {
    const short = (bytes[at + 1] as number) & 0x7f;
    const header = short === 127 ? 10 : short === 126 ? 4 : 2;
    if (bytes.length - at < header) break;
    const length =
      short === 127
        ? Number(bytes.readBigUInt64BE(at + 2))
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : short;
    if (bytes.length - at < header + length) break;
    onFrame((bytes[at] as number) & 0xf, bytes.subarray(at + header, at + header + length));
    at += header + length;
  }
  return Buffer.from(bytes.subarray(at));
}

function pong(payload: Buffer): Buffer {
  const header = Buffer.alloc(2 + MASK_KEY_BYTES);
  header[0] = FINAL_BIT | 10;
  header[1] = MASK_BIT | payload.length;
  return Buffer.concat([header, payload]);
}
