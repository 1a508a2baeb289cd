/** A few events by hand, beside the generator or without it. */
import { ok as assert } from 'node:assert';
import type { Server } from './server.ts';

/** Resolves when they are durable. */
export async function postEvents(server: Server, stream: string, body: string): Promise<void> {
  const url = `http://${server.host}:${server.ingestPort}/v1/events?stream=${stream}`;
  const headers = { 'content-type': 'application/x-ndjson' };
  const response = await fetch(url, { method: 'POST', headers, body });
  await response.arrayBuffer();
  assert(response.ok, `expected events to be accepted, received ${response.status}`);
}
