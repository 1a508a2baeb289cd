/**
 * The events of every load test: drawn from a seed, about 200 bytes and 10 or 11 fields, from three kinds of clients
 * whose field sets and orders differ. What a body will add to every aggregate is known before it is sent.
 */
import { type Random, seededRandom, weighted } from './random.ts';

export const STREAM = 'events';
export const EVENT_TYPES = ['page_view', 'click', 'api_call', 'purchase', 'error'] as const;
export const COUNTRIES = [
  ...['US', 'IN', 'DE', 'BR', 'GB', 'FR', 'JP', 'ID', 'MX', 'IT'],
  ...['ES', 'CA', 'KR', 'PL', 'NL', 'TR', 'AU', 'SE', 'CH', 'NZ'],
] as const;
export const USERS = 100_000;
export const URLS = 1_000;

/** The batch number inside an id and the time are filled in when a body is sent; both have a fixed width. */
export const ID_SOURCE_DIGITS = 4;
export const ID_BATCH_DIGITS = 12;
const ID_LINE_DIGITS = 4;
export const TS_DIGITS = 13;
/** Stands where the time goes; no other value of an event looks like it. */
export const TS_PLACEHOLDER = 1_111_111_111_111;

/**
 * How far the events of one body lie before its sending, as a client's buffer spreads them. A body
 * therefore often holds two different seconds.
 */
export const LAGS_MS = Array.from({ length: 16 }, (_, i) => i * 40);

export interface EventTemplate {
  /** In the order in which this kind of client writes them. */
  readonly fields: Readonly<Record<string, string | number>>;
  /** Hex digits: source, batch (zeros here), line. */
  readonly id: string;
  /** Index into EVENT_TYPES. */
  readonly type: number;
  /** Index into LAGS_MS. */
  readonly lag: number;
  readonly user: number;
  readonly durationMs: number;
}

export interface WorkloadOptions {
  readonly seed: number;
  /** Differs between generators that write into the same data folder: ids start with it. Below 65,536. */
  readonly source: number;
  readonly bodies: number;
  /** Lines of one body, at most 65,536. */
  readonly eventsPerBody: number;
}

/** Yields the events of each body. Two calls with the same options yield the same. */
export function* drawWorkload(options: WorkloadOptions): Generator<readonly EventTemplate[]> {
  const random = seededRandom(options.seed);
  const source = hex(options.source, ID_SOURCE_DIGITS);
  for (let body = 0; body < options.bodies; body++) {
    const events: EventTemplate[] = [];
    for (let line = 0; line < options.eventsPerBody; line++) {
      events.push(
        drawEvent(random, source + '0'.repeat(ID_BATCH_DIGITS) + hex(line, ID_LINE_DIGITS)),
      );
    }
    yield events;
  }
}

const drawType = weighted([60, 25, 10, 4, 1]);
const drawCountry = weighted(COUNTRIES.map((_, rank) => 1 / (rank + 1)));
const drawUrl = weighted(Array.from({ length: URLS }, (_, rank) => 1 / (rank + 10)));
const drawClient = weighted([5, 3, 2]);
const drawStatus = weighted([90, 4, 4, 2]);

const STATUSES = [200, 304, 404, 500] as const;
const BROWSERS = ['Chrome', 'Safari', 'Firefox', 'Edge'] as const;
const SYSTEMS = ['ios', 'android'] as const;
const SERVICES = ['checkout', 'catalog', 'search', 'identity', 'billing'] as const;

function drawEvent(random: Random, id: string): EventTemplate {
  const type = drawType(random);
  const user = random.between(0, USERS);
  const url = drawUrl(random);
  /** Log-normal: a median of 90 ms and a long tail, as response times have. */
  const durationMs = Math.min(
    60_000,
    Math.max(1, Math.round(Math.exp(4.5 + 0.9 * random.normal()))),
  );
  const common = {
    type: EVENT_TYPES[type] as string,
    country: COUNTRIES[drawCountry(random)] as string,
    user: `user-${String(user).padStart(6, '0')}`,
    status: STATUSES[drawStatus(random)] as number,
    session: hex(random.between(0, 2 ** 32), 8) + hex(random.between(0, 2 ** 16), 4),
  };
  const client = CLIENTS[drawClient(random)] as (typeof CLIENTS)[number];
  const fields = client({ ...common, id, durationMs, url }, random);
  return { fields, id, type, lag: random.between(0, LAGS_MS.length), user, durationMs };
}

interface Drawn {
  readonly id: string;
  readonly type: string;
  readonly country: string;
  readonly user: string;
  readonly status: number;
  readonly session: string;
  readonly durationMs: number;
  readonly url: number;
}

const pick = <T>(random: Random, values: readonly T[]): T =>
  values[random.between(0, values.length)] as T;

const CLIENTS = [
  function web(event: Drawn, random: Random) {
    return {
      id: event.id,
      ts: TS_PLACEHOLDER,
      type: event.type,
      user: event.user,
      session: event.session,
      url: `/products/${event.url}`,
      duration_ms: event.durationMs,
      status: event.status,
      country: event.country,
      browser: pick(random, BROWSERS),
      viewport: `${random.between(3, 20) * 100}x900`,
    };
  },
  function mobile(event: Drawn, random: Random) {
    return {
      type: event.type,
      ts: TS_PLACEHOLDER,
      id: event.id,
      session: event.session,
      country: event.country,
      os: pick(random, SYSTEMS),
      app_version: `4.${random.between(0, 12)}.0`,
      user: event.user,
      url: `/products/${event.url}`,
      duration_ms: event.durationMs,
    };
  },
  function backend(event: Drawn, random: Random) {
    return {
      ts: TS_PLACEHOLDER,
      service: pick(random, SERVICES),
      host: `node-${random.between(10, 90)}`,
      id: event.id,
      trace: event.session,
      type: event.type,
      url: `/products/${event.url}`,
      status: event.status,
      duration_ms: event.durationMs,
      user: event.user,
      country: event.country,
    };
  },
] as const;

export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
