/** A few events by hand, beside the generator or without it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from './server.ts';

export interface Patience {
  /** A server that has no room for them now is asked again after this. */
  readonly retryMs?: number;
}

/** Resolves when they are durable. */
export async function postEvents(
  server: Server,
  stream: string,
  body: string | Uint8Array<ArrayBuffer>,
  { retryMs }: Patience = {},
): Promise<void> {
  const url = `http://${server.host}:${server.ingestPort}/v1/events?stream=${stream}`;
  const headers = { 'content-type': 'application/x-ndjson' };
  for (;;) {
    const response = await fetch(url, { method: 'POST', headers, body });
    const text = await response.text();
    if (response.ok) return;
    if (response.status !== 503 || retryMs === undefined) {
      throw new Error(`expected events to be accepted, received ${response.status}: ${text}`);
    }
    await sleep(retryMs);
  }
}
