/**
 * What waits as frames of one WebSocket in place of requests: for whoever sends a little all the time. One frame at a time is
 * without its answer, so that events stay in order, and so the server's credit is never used up.
 */
import type { Answer } from './answer.ts';

/** For the handshake, and for each answer: as a request has. */
const TIMEOUT_MS = 30_000;
/** With nothing to send the connection ends: it keeps a program alive, and a place at the server. */
const IDLE_MS = 10_000;
/** `WebSocket.OPEN`. An end that came while there was nothing to send is seen by whoever sends next. */
const OPEN = 1;

/** What becomes of a frame. */
interface Reply {
  readonly error?: unknown;
  readonly retryAfterMs?: number;
}

export class Frames {
  readonly #connect: () => WebSocket;
  #socket: WebSocket | undefined;
  #bytesMax = 0;
  #idle: ReturnType<typeof setTimeout> | undefined;

  /** `connect`: begins a connection; throws if there can be none. */
  constructor(connect: () => WebSocket) {
    this.#connect = connect;
  }

  /** Rejects if no answer came: the next call connects anew. To be called again only when the last one has ended. */
  async post(body: string): Promise<Answer> {
    clearTimeout(this.#idle);
    try {
      const socket = this.#socket?.readyState === OPEN ? this.#socket : await this.#open();
      if (encoder.encode(body).length > this.#bytesMax) {
        const text = `{"error":{"message":"a frame has ${this.#bytesMax} bytes at most"}}`;
        return { status: 413, retryAfter: undefined, text };
      }
      socket.send(body);
      const text = await next(socket);
      const { error, retryAfterMs }: Reply = JSON.parse(text);
      this.#idle = setTimeout(() => this.close(), IDLE_MS);
      return {
        status: error === undefined ? 200 : 503,
        retryAfter: retryAfterMs === undefined ? undefined : `${Math.ceil(retryAfterMs / 1_000)}`,
        text,
      };
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    clearTimeout(this.#idle);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** The server speaks first: it says what it takes. */
  async #open(): Promise<WebSocket> {
    const socket = this.#connect();
    this.#socket = socket;
    const { credit, frameBytesMax } = JSON.parse(await next(socket));
    this.#bytesMax = Math.min(credit.bytes, frameBytesMax);
    return socket;
  }
}

const encoder = new TextEncoder();

/** Of a connection that has been opened, or is being opened. */
const next = (socket: WebSocket): Promise<string> =>
  new Promise((resolve, reject) => {
    const fail = (reason: string) => {
      clearTimeout(timer);
      reject(new Error(`WebSocket: ${reason}`));
    };
    const timer = setTimeout(fail, TIMEOUT_MS, 'timeout');
    socket.onmessage = ({ data }) => {
      clearTimeout(timer);
      resolve(data);
    };
    socket.onclose = ({ code, reason }) => fail(`closed, ${code} ${reason}`);
    // Node.js closes nothing that was never open.
    socket.onerror = () => fail('no connection');
  });
