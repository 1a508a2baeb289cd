/** A live query's reader, over both transports that the query listener offers. */
import type { Server } from './server.ts';

export const LIVE_TRANSPORTS = ['websocket', 'sse'] as const;
export type LiveTransport = (typeof LIVE_TRANSPORTS)[number];

/** A message, as far as it is read here. */
export interface Update {
  readonly snapshot: boolean;
  readonly gap: boolean;
  readonly series: readonly {
    readonly points: readonly {
      readonly t: number;
      readonly values: readonly { value: number }[];
    }[];
  }[];
}

/** Resolves when the server has taken the subscription. */
export function subscribe(
  server: Server,
  transport: LiveTransport,
  query: string,
  onUpdate: (update: Update) => void,
): Promise<() => void> {
  return transport === 'websocket'
    ? subscribeByWebSocket(server, query, onUpdate)
    : subscribeBySse(server, query, onUpdate);
}

async function subscribeByWebSocket(
  server: Server,
  query: string,
  onUpdate: (update: Update) => void,
): Promise<() => void> {
  const socket = new WebSocket(
    `ws://${server.host}:${server.queryPort}/graphql`,
    'graphql-transport-ws',
  );
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init' }));
  socket.onerror = () => reject(new Error('the live WebSocket failed'));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(String(data));
    if (message.type === 'connection_ack') {
      socket.send(JSON.stringify({ id: 'probes', type: 'subscribe', payload: { query } }));
      resolve();
    } else if (message.type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
    else if (message.type === 'next') onUpdate(message.payload.data.timeseries);
    else if (message.type === 'error') throw new Error(`live query: ${String(data)}`);
  };
  await promise;
  return () => socket.close();
}

async function subscribeBySse(
  server: Server,
  query: string,
  onUpdate: (update: Update) => void,
): Promise<() => void> {
  const stop = new AbortController();
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
    signal: stop.signal,
  });
  if (response.body === null || !response.ok) throw new Error(`SSE: status ${response.status}`);
  void readEvents(response.body, onUpdate).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  return () => stop.abort();
}

async function readEvents(
  body: AsyncIterable<Uint8Array>,
  onUpdate: (update: Update) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const events = (rest + decoder.decode(chunk, { stream: true })).split('\n\n');
    rest = events.pop() ?? '';
    for (const event of events) {
      const data = /^data: ?(\{.*)$/m.exec(event)?.[1];
      if (data === undefined) continue;
      const { data: answer, errors } = JSON.parse(data);
      if (errors !== undefined) throw new Error(`live query: ${data}`);
      onUpdate(answer.timeseries);
    }
  }
}
