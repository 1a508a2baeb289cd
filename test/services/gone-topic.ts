/** Servers over topics that tests delete: what senders and health checks are told. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { Kafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';

export const PARTITIONS = 2;

export interface Wish {
  /** Where the data folder is. */
  readonly folder: string;
  readonly topic: string;
  readonly spool: 'local' | 'none';
  readonly config?: (queryPort: number) => Readonly<Record<string, unknown>>;
}

export async function serverOn(
  t: ExecutionContext,
  { addresses }: Kafka,
  { folder, topic, spool, config }: Wish,
): Promise<Server> {
  const server = await Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: (queryPort) => ({
      log: { type: 'kafka', kafka: { brokers: [...addresses], topic, spool } },
      ...config?.(queryPort),
    }),
  });
  t.teardown(() => server.kill());
  return server;
}

export const spoolDirOf = ({ dataDir }: Server): string => join(dataDir, 'spool');

export const eventOf = (id: string) => ({ id, type: 'view', url: '/', country: 'de' });

export interface Sent {
  readonly status: number;
  readonly spooled?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

export async function send({ host, ingestPort }: Server, id: string): Promise<Sent> {
  const response = await fetch(`http://${host}:${ingestPort}/v1/events?stream=events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: JSON.stringify(eventOf(id)),
  });
  const answer: Omit<Sent, 'status'> = JSON.parse(await response.text());
  return { status: response.status, ...answer };
}

/** Sends one after the other until one is refused as `code`; answers that, and how many were spooled. */
export async function sendUntil(
  server: Server,
  code: string,
): Promise<{ readonly last: Sent; readonly spooled: number }> {
  let spooled = 0;
  for (let i = 0; ; i++) {
    const last = await send(server, `late-${i}`);
    if (last.spooled === true) spooled += 1;
    if (last.error?.code === code) return { last, spooled };
    await sleep(50);
  }
}

type Listener = 'ingest' | 'query';

/** Of the listener for events, if no other is meant. */
export async function readiness(server: Server, listener: Listener = 'ingest'): Promise<string> {
  const port = listener === 'ingest' ? server.ingestPort : server.queryPort;
  const response = await fetch(`http://${server.host}:${port}/readyz`);
  return `${response.status} ${await response.text()}`;
}

/** A listener may not be there yet: that for questions comes last. */
export async function untilReadiness(
  server: Server,
  said: RegExp,
  listener?: Listener,
): Promise<void> {
  while (!said.test(await readiness(server, listener).catch(String))) await sleep(50);
}
