/** Events sent to a server that runs, by hand. */
import type { Server } from '../load-tests/server.ts';

/** Resolves when its aggregates hold them. Answers the position: questions that are given it see these events. */
export async function sendApplied(
  server: Server,
  stream: string,
  events: readonly object[],
  key?: string,
): Promise<string> {
  const response = await fetch(
    `http://${server.host}:${server.ingestPort}/v1/events?stream=${stream}&ack=applied`,
    {
      method: 'POST',
      headers: {
        'content-type': 'application/x-ndjson',
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
      },
      body: events.map((event) => JSON.stringify(event)).join('\n'),
    },
  );
  const answer: { position: string } = JSON.parse(await response.text());
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer.position;
}
