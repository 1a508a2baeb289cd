/** The client for servers and other programs on Node.js. */
import { randomBytes } from 'node:crypto';
import { Client } from '../client.ts';
import { type ClientOptions, type Defaults, settingsOf } from '../options.ts';
import { eventsUrl, post } from '../post.ts';
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
  return new Client(settings, {
    now: Date.now,
    random: Math.random,
    unique: () => BigInt(`0x${randomBytes(8).toString('hex')}`).toString(36),
    after(ms, work, isRetry) {
      const timer = setTimeout(work, ms);
      if (isRetry) timer.unref();
      return () => clearTimeout(timer);
    },
    post: (body) => post(eventsUrl(options, Date.now()), body, headers),
    isOnline: () => true,
    warn: ({ code, message }) => process.emitWarning(message, { code, type: 'Streamgauge' }),
    store: file === undefined ? undefined : openFileStore(file),
  });
}
