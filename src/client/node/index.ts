/** The client for servers and other programs on Node.js. */
import { randomBytes } from 'node:crypto';
import { Client } from '../client.ts';
import { Frames } from '../frames.ts';
import { type ClientOptions, type Defaults, settingsOf } from '../options.ts';
import { eventsUrl, framesUrl, post } from '../post.ts';
import { openFileStore } from './file-store.ts';

export type { Client, EventFields } from '../client.ts';
export type { ClientOptions } from '../options.ts';
export type { Problem, ProblemCode } from '../problem.ts';

export interface NodeClientOptions extends ClientOptions {
  /**
   * Where what waits is kept, so that it outlives the process: a file for this process alone. Without it, it is in memory,
   * and `close` is the last chance to send it.
   */
  readonly file?: string | undefined;
}

/** A second is much for a server that is busy, and few connections for one that is not. */
const DEFAULTS: Defaults = {
  flushIntervalMs: 1_000,
  batchEventsMax: 1_000,
  batchBytesMax: 2 ** 20,
  queueEventsMax: 100_000,
  queueBytesMax: 64 * 2 ** 20,
};

/** Throws a `TypeError` if an option is not usable, and where the file cannot be used. */
export function createClient(options: NodeClientOptions): Client {
  const { key, file } = options;
  const headers = {
    'content-type': 'application/x-ndjson',
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
  };
  // Before anything is opened.
  const settings = settingsOf(options, DEFAULTS);
  const { url, stream, transport } = settings;
  if (transport === 'websocket' && typeof WebSocket === 'undefined') {
    throw new TypeError(
      'transport: expected http, because Node.js has WebSocket from version 22 on',
    );
  }
  const frames = new Frames(() => connect(framesUrl(url, stream), key));
  return new Client(settings, {
    now: Date.now,
    random: Math.random,
    unique: () => BigInt(`0x${randomBytes(8).toString('hex')}`).toString(36),
    after(ms, work, isRetry) {
      const timer = setTimeout(work, ms);
      if (isRetry) timer.unref();
      return () => clearTimeout(timer);
    },
    post: (body) =>
      transport === 'websocket' ? frames.post(body) : post(eventsUrl(url, stream), body, headers),
    hangUp: () => frames.close(),
    isOnline: () => true,
    warn: ({ code, message }) => process.emitWarning(message, { code, type: 'Streamgauge' }),
    store: file === undefined ? undefined : openFileStore(file),
  });
}

/** The key goes in a header, as it does with requests: Node.js takes headers in the place of protocols. */
function connect(url: string, key: string | undefined): WebSocket {
  const headers = { ...(key !== undefined && { authorization: `Bearer ${key}` }) };
  const Connect: new (url: string, options: { headers: object }) => WebSocket = WebSocket as never;
  return new Connect(url, { headers });
}
