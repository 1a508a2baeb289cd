/** As much of RFC 6455 as a load test needs. Clients must mask: with the key 0 a payload is its own masked form. */
import type { Framing } from './bodies.ts';

export const OPCODE = { text: 1, close: 8, ping: 9, pong: 10 } as const;
const MASK_BIT = 0x80;
const FINAL_BIT = 0x80;
const MASK_KEY_BYTES = 4;

/** A text frame's header with the mask key 0. */
export const websocketFraming: Framing = (payloadBytes) => {
  const wide = payloadBytes > 0xffff;
  const header = Buffer.alloc((wide ? 10 : payloadBytes > 125 ? 4 : 2) + MASK_KEY_BYTES);
  header[0] = FINAL_BIT | OPCODE.text;
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

export function pong(payload: Buffer): Buffer {
  const header = Buffer.alloc(2 + MASK_KEY_BYTES);
  header[0] = FINAL_BIT | OPCODE.pong;
  header[1] = MASK_BIT | payload.length;
  return Buffer.concat([header, payload]);
}
