/** A broker, a server that reads topics of it, and what became of their records. */
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import type { Message } from 'kafkajs';
import { type Kafka, startKafka } from '../../deploy/local/kafka.ts';
import { Server } from '../../load-tests/server.ts';
import { clientOf } from './kafka-topics.ts';

const POLL_MS = 50;
const PATIENCE_MS = 60_000;

export interface Scene {
  readonly dir: string;
  readonly kafka: Kafka;
}

export async function startScene(t: ExecutionContext): Promise<Scene> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-source-'));
  const kafka = await startKafka({ dir });
  t.teardown(async () => {
    await kafka.stop();
    await rm(dir, { recursive: true, force: true });
  });
  return { dir, kafka };
}

export type SourceConfig = Readonly<Record<string, unknown>>;

/** Not started yet. */
export async function prepareServer(
  t: ExecutionContext,
  { dir, kafka }: Scene,
  name: string,
  sources: readonly SourceConfig[],
  more: SourceConfig = {},
): Promise<Server> {
  const server = await Server.prepare({
    folder: join(dir, name),
    partitions: 2,
    config: {
      rollups: [],
      archive: { enabled: false },
      sources: sources.map((source) => ({ brokers: kafka.addresses, ...source })),
      ...more,
    },
  });
  t.teardown(() => server.kill());
  return server;
}

export async function makeTopic({ kafka }: Scene, topic: string, partitions = 1): Promise<void> {
  const admin = clientOf(kafka).admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: partitions }],
  });
  await admin.disconnect();
}

/** By kafkajs, which is not the client under test. */
export async function write(
  { kafka }: Scene,
  topic: string,
  messages: readonly Message[],
): Promise<void> {
  const producer = clientOf(kafka).producer({ idempotent: true });
  await producer.connect();
  await producer.send({ topic, messages: [...messages] });
  await producer.disconnect();
}

export interface SourceAnswer {
  readonly name: string;
  readonly problem: string | null;
  readonly records: number;
  readonly unreadable: number;
  readonly empty: number;
  readonly missed: number;
  readonly partitions: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly position: number;
    readonly lag: number | null;
  }[];
}

export async function sourcesOf(server: Server): Promise<readonly SourceAnswer[]> {
  const { sources } = await server.query<{ sources: SourceAnswer[] }>(
    `{ sources {
      name problem records unreadable empty missed partitions { topic partition position lag }
    } }`,
  );
  return sources;
}

/** The ledger of a stream once it has received that many and applied what it has. */
export async function ledgerOf(server: Server, stream: string, received: number) {
  return await until(async () => {
    const { ledger } = await server.query<{ ledger: LedgerAnswer }>(
      `query ($stream: String!) {
        ledger(stream: $stream) { received applied duplicate rejected pending balanced }
      }`,
      { stream },
    );
    return ledger.received >= received && ledger.pending === 0 ? ledger : undefined;
  }, `${received} events in "${stream}"`);
}

export interface LedgerAnswer {
  readonly received: number;
  readonly applied: number;
  readonly duplicate: number;
  readonly rejected: number;
  readonly pending: number;
  readonly balanced: boolean;
}

export interface LetterAnswer {
  readonly stream: string;
  readonly code: string;
  readonly message: string;
  readonly text: string | null;
}

export async function deadLettersOf(server: Server): Promise<readonly LetterAnswer[]> {
  const { deadLetters } = await server.query<{ deadLetters: { letters: LetterAnswer[] } }>(
    '{ deadLetters(first: 100) { letters { stream code message text } } }',
  );
  return deadLetters.letters;
}

/** The first answer that is one. */
export async function until<T>(ask: () => Promise<T | undefined>, what: string): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`expected ${what}, and waited in vain`);
    await sleep(POLL_MS);
  }
}
