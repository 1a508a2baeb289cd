/** A client of a page, of what browsers bring. */
import { Client } from '../client.ts';
import type { Frames } from '../frames.ts';
import { type ClientOptions, type Defaults, type Settings, settingsOf } from '../options.ts';
import { eventsUrl, post } from '../post.ts';
import { indexedDbStore } from './indexed-db-store.ts';
import { localVisitors } from './local-visitors.ts';

const DEFAULTS: Defaults = {
  flushIntervalMs: 2_000,
  batchEventsMax: 200,
  // Browsers refuse a beacon of more than 64 KiB.
  batchBytesMax: 60_000,
  queueEventsMax: 10_000,
  queueBytesMax: 4 * 2 ** 20,
};

/** `text/plain` and the key in the address: browsers send that without asking the server first, and so also at the end. */
const HEADERS = { 'content-type': 'text/plain' };

export interface PageOptions extends ClientOptions {
  /**
   * True: nothing is kept in the browser, and what earlier pages have kept of the visitor is forgotten. Events have no device and no
   * session, and what waits lives as long as the page. Default false.
   */
  readonly anonymous?: boolean | undefined;
}

/**
 * Throws a `TypeError` if an option is not usable.
 *
 * @param framesOf what `transport: 'websocket'` sends by: given, so that the script of the one line does not carry it
 */
export function pageClient(
  options: PageOptions,
  framesOf?: (settings: Settings, key: string | undefined) => Frames,
): Client {
  const settings = settingsOf(options, DEFAULTS);
  const { url, stream, transport } = settings;
  const address = () => eventsUrl(url, stream, options.key);
  const frames = transport === 'websocket' ? framesOf?.(settings, options.key) : undefined;
  const client = new Client(settings, {
    now: Date.now,
    random: Math.random,
    unique: () => (crypto.getRandomValues(new BigUint64Array(1))[0] as bigint).toString(36),
    after(ms, work) {
      const timer = setTimeout(work, ms);
      return () => clearTimeout(timer);
    },
    post: (body) => frames?.post(body) ?? post(address(), body, HEADERS),
    hangUp: () => frames?.close(),
    isOnline: () => navigator.onLine,
    warn: ({ code, message }) => console.warn(`streamgauge: ${code}: ${message}`),
    ...(options.anonymous !== true && {
      store: indexedDbStore(`streamgauge ${url} ${stream}`),
      visitors: localVisitors,
    }),
  });
  if (options.anonymous === true) localVisitors.clear();
  const leave = () => client.beacon((body) => navigator.sendBeacon(address(), body));
  // Phones end pages that are not seen without another word.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'hidden') leave();
  });
  addEventListener('pagehide', leave);
  addEventListener('online', () => void client.flush());
  return client;
}
