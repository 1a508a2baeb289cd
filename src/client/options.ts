/** What a client can be told, and what is checked of it. */
import type { Problem } from './problem.ts';

export interface ClientOptions {
  /** Of the ingest listener, such as `https://events.example.com:8080`. */
  readonly url: string;
  /** A key that may write; one of a page is seen by everybody, and made with `keys create --public`. */
  readonly key?: string | undefined;
  /** Default `events`. */
  readonly stream?: string | undefined;
  /**
   * `websocket`: frames of a connection that stays while there is something to send, instead of a request each. A page's last events
   * go by a beacon all the same. Default `http`.
   */
  readonly transport?: Transport | undefined;
  /** How long an event waits for others to go with it, in milliseconds. Larger sends less often; what ends meanwhile needs a store. */
  readonly flushIntervalMs?: number | undefined;
  /** Of one request. The server refuses more than its `limits.bodyBytesMax`. */
  readonly batchEventsMax?: number | undefined;
  /** Of one request, in UTF-8: also of one event, which could not be sent otherwise. */
  readonly batchBytesMax?: number | undefined;
  /** What may wait; past it new events are given up and counted. */
  readonly queueEventsMax?: number | undefined;
  readonly queueBytesMax?: number | undefined;
  /** The part of sessions (of events, where there are no sessions) that is tracked, above 0 to 1. Default 1. */
  readonly sampleRate?: number | undefined;
  /** False: nothing is tracked or kept until `consent(true)`. Default true. */
  readonly consent?: boolean | undefined;
  /** A session ends when nothing was tracked for so long. Default 30 minutes. */
  readonly sessionIdleMs?: number | undefined;
  /** Hears of each kind of trouble once a minute at most. Default: a warning on the console. */
  readonly onProblem?: ((problem: Problem) => void) | undefined;
}

export type Transport = 'http' | 'websocket';

/** All of them, checked. */
export type Settings = {
  readonly [Name in Exclude<keyof ClientOptions, 'key' | 'onProblem'>]-?: NonNullable<
    ClientOptions[Name]
  >;
} & Pick<ClientOptions, 'onProblem'>;

/** What suits browsers and servers differs. */
export type Defaults = Pick<
  Settings,
  'flushIntervalMs' | 'batchEventsMax' | 'batchBytesMax' | 'queueEventsMax' | 'queueBytesMax'
>;

const WHOLE = [
  'flushIntervalMs',
  'batchEventsMax',
  'batchBytesMax',
  'queueEventsMax',
  'queueBytesMax',
  'sessionIdleMs',
] as const;
/** As the server has it in `src/model/stream-name.ts`. */
const STREAM_NAME = /^\w[\w.-]{0,63}$/;

/** Throws a `TypeError` that says what was expected: a program that is set up wrongly should not seem to work. */
export function settingsOf(options: ClientOptions, defaults: Defaults): Settings {
  const settings: Settings = {
    url: options.url,
    stream: options.stream ?? 'events',
    transport: options.transport ?? 'http',
    flushIntervalMs: options.flushIntervalMs ?? defaults.flushIntervalMs,
    batchEventsMax: options.batchEventsMax ?? defaults.batchEventsMax,
    batchBytesMax: options.batchBytesMax ?? defaults.batchBytesMax,
    queueEventsMax: options.queueEventsMax ?? defaults.queueEventsMax,
    queueBytesMax: options.queueBytesMax ?? defaults.queueBytesMax,
    sampleRate: options.sampleRate ?? 1,
    consent: options.consent ?? true,
    sessionIdleMs: options.sessionIdleMs ?? 30 * 60_000,
    onProblem: options.onProblem,
  };
  const { url, stream, transport, sampleRate } = settings;
  if (!/^https?:\/\/[^/]/.test(url)) refuse('url', 'http:// or https:// and a host', url);
  if (!STREAM_NAME.test(stream)) {
    refuse('stream', '1 to 64 letters, digits, "_", "." or "-", the first no "." or "-"', stream);
  }
  if (transport !== 'http' && transport !== 'websocket') {
    refuse('transport', 'http or websocket', transport);
  }
  if (!(sampleRate > 0 && sampleRate <= 1)) {
    refuse('sampleRate', 'a number above 0, at most 1', sampleRate);
  }
  for (const name of WHOLE) {
    const value = settings[name];
    if (!(Number.isSafeInteger(value) && value > 0)) refuse(name, 'a positive integer', value);
  }
  return settings;
}

function refuse(name: string, expected: string, received: unknown): never {
  throw new TypeError(`${name}: expected ${expected}, received ${JSON.stringify(received)}`);
}
