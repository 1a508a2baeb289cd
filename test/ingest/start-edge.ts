/** A whole edge in this process: real sockets, a real journal in a directory of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { AppendLog } from '../../src/ingest/append-log.ts';
import type { EdgeLimits, EdgeOptions } from '../../src/ingest/options.ts';
import { Producer } from '../../src/ingest/producer.ts';
import { type Edge, type EdgeDependencies, startEdge } from '../../src/ingest/server.ts';
import { Block } from '../../src/model/block.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import type { Logger } from '../../src/model/logger.ts';
import { offset } from '../../src/model/units.ts';
import { type Journal, openJournal } from '../../storage/log/journal.ts';
import { createLogShared, type LogShared } from '../../storage/log/log-shared.ts';
import { freePort } from '../free-port.ts';

export const LIMITS: EdgeLimits = {
  lineBytesMax: 1024 * 1024,
  bodyBytesMax: 16 * 1024 * 1024,
  fieldsMax: 256,
  fieldNameBytesMax: 128,
  valueBytesMax: 64 * 1024,
  depthMax: 16,
  connectionsMax: 1_000,
  bodyTimeoutMs: 30_000,
};

export interface TestEdge {
  readonly edge: Edge;
  readonly port: number;
  readonly url: string;
  readonly journal: Journal;
  /** Every block that is durable, in log order. */
  blocks(): Promise<Block[]>;
}

export interface TestEdgeOptions extends Partial<Omit<EdgeOptions, 'limits'>> {
  readonly limits?: Partial<EdgeLimits>;
  readonly clock?: Clock;
  /** Wraps the journal's writer, to make it slow or refuse. */
  readonly log?: (log: AppendLog) => AppendLog;
  readonly needs?: Partial<EdgeDependencies>;
}

export async function startTestEdge(
  t: ExecutionContext,
  {
    limits,
    clock = systemClock,
    log = (writer) => writer,
    needs,
    ...options
  }: TestEdgeOptions = {},
): Promise<TestEdge> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-edge-'));
  const partitions = options.partitions ?? 1;
  const shared = createLogShared(partitions);
  const journal = await openJournal({ dir, shared });
  // The edge shares its port, which the system's own choice (0) does not allow.
  const port = options.port ?? (await freePort());
  const edge = await startEdge(
    {
      host: '127.0.0.1',
      port,
      corsOrigins: ['*'],
      trustedProxies: [],
      keys: [],
      edges: 1,
      partitions,
      ...options,
      limits: { ...LIMITS, ...limits },
    },
    {
      log: log(journal.writer),
      producer: new Producer({ id: 0, epoch: 1, partitions, clock }),
      whenApplied: async () => 0,
      clock,
      logger: silentLogger,
      unreadyReason: () => undefined,
      ...needs,
    },
  );
  t.teardown(async () => {
    await edge.close();
    await journal.writer.close();
    await rm(dir, { recursive: true });
  });
  return {
    edge,
    port,
    url: `http://127.0.0.1:${port}`,
    journal,
    blocks: () => allBlocks(journal, shared),
  };
}

async function allBlocks(journal: Journal, { partitionEnds }: LogShared): Promise<Block[]> {
  const ends = [...partitionEnds];
  const reader = journal.openReader(new Map(ends.map((_, partition) => [partition, offset(0)])));
  const blocks: Block[] = [];
  const seen = ends.map(() => 0);
  while (ends.some((end, partition) => (seen[partition] as number) < end)) {
    for (const { bytes, partition, nextOffset } of (await reader.read(1 << 20)).blocks) {
      blocks.push(new Block(bytes));
      seen[partition] = nextOffset;
    }
  }
  reader.close();
  return blocks;
}

export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
