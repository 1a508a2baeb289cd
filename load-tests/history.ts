/** Weeks of events that a server is sent in a moment: what questions over long ranges are measured on. */
import { ok as assert } from 'node:assert';
import { DAY_MS, MINUTE_MS } from '../src/model/units.ts';
import { postEvents } from './post-events.ts';
import { seededRandom } from './random.ts';
import type { Server } from './server.ts';
import { COUNTRIES, EVENT_TYPES, STREAM, USERS } from './workload.ts';

export interface HistoryOptions {
  readonly days: number;
  /** Of each quarter of an hour. */
  readonly events: number;
  /** Different values of `url`; the k-th is about as frequent as 1/k says. */
  readonly urls: number;
}

const BURST_EVERY_MS = 15 * MINUTE_MS;
const EVENTS_PER_BODY = 9_000;
const RETRY_MS = 100;

/**
 * Resolves with the number of events once all of them are counted. They come in the order of their time, as they would have, all of a quarter
 * of an hour in one second: rollups by second keep a hundredth of the rows then, and coarser ones what they would.
 */
export async function sendHistory(
  server: Server,
  { days, events, urls }: HistoryOptions,
): Promise<number> {
  const random = seededRandom(1);
  const nowMs = Date.now();
  const pick = <T>(values: readonly T[]): T => values[random.between(0, values.length)] as T;
  const sent = Math.floor((days * DAY_MS) / BURST_EVERY_MS) * events;
  let lines: string[] = [];
  const send = async () => {
    await postEvents(server, STREAM, lines.join('\n'), { retryMs: RETRY_MS });
    lines = [];
  };
  for (let ts = nowMs - days * DAY_MS; ts < nowMs - BURST_EVERY_MS; ts += BURST_EVERY_MS) {
    for (let i = 0; i < events; i++) {
      const event = {
        ts: Math.round(ts),
        type: pick(EVENT_TYPES),
        country: pick(COUNTRIES),
        user: `user-${String(random.between(0, USERS)).padStart(6, '0')}`,
        url: `/products/${Math.floor(urls ** random.next())}`,
        duration_ms: random.between(1, 500),
      };
      lines.push(JSON.stringify(event));
    }
    if (lines.length >= EVENTS_PER_BODY) await send();
  }
  if (lines.length > 0) await send();
  const { applied, expired, clamped } = await server.caughtUp();
  assert(expired + clamped === 0, `${expired + clamped} events of the history were out of time`);
  assert(sent - applied <= events, `expected ${sent} events, ${applied} were applied`);
  return applied;
}
