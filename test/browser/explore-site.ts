/** A server with events of twenty minutes, for Explore to ask about. */
import type { ExecutionContext } from 'ava';
import { send, site } from './site.ts';

export const ROLLUPS = [
  {
    name: 'by_type',
    dimensions: ['type', 'country'],
    measures: ['count', 'sum(amount)', 'quantile(duration_ms)', 'distinct(user)', 'top(path)'],
  },
];
export const MINUTE_MS = 60_000;
const MINUTES = 20;
const TYPES = ['view', 'view', 'view', 'buy', 'error'];

/** Twenty minutes that are over, so that their steps stand still; more events in each than in the one before. */
export function someMinutes() {
  const from = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - 40 * MINUTE_MS;
  const events = Array.from({ length: MINUTES }, (_, minute) =>
    Array.from({ length: 10 + minute }, (__, i) => ({
      ts: from + minute * MINUTE_MS + i * 1_000,
      type: TYPES[i % TYPES.length],
      country: i % 3 === 0 ? 'DE' : 'FR',
      user: `u${(minute * 31 + i) % 97}`,
      path: `/p/${i % 4}`,
      duration_ms: 10 + ((minute * 7 + i * 13) % 200),
      amount: i,
    })),
  ).flat();
  return { from, to: from + MINUTES * MINUTE_MS, events };
}

/** Has counted them all. */
export async function exploreSite(t: ExecutionContext) {
  const { server, url } = await site(t, { rollups: ROLLUPS });
  const { from, to, events } = someMinutes();
  await send(server, events);
  await server.caughtUp();
  /** Of the second ten of the twenty minutes: there is a period before. */
  const middle = from + 10 * MINUTE_MS;
  const address = (parameters: Record<string, string>) =>
    `${url}/explore?${new URLSearchParams({ from: `${middle}`, to: `${to}`, step: '1m', ...parameters })}`;
  return { server, url, middle, to, address };
}
