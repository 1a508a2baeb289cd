/** Topics of other programs as sources of events: the thread that reads them, made from the configuration. */
import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defaultGroup } from './config/topic-sources.ts';
import type { Config } from './config.ts';
import type { Foundation } from './foundation.ts';
import type { SourceOptions } from './sources/options.ts';
import type { SourceStatus } from './sources/source.ts';
import type { EdgeWorker } from './threads/edge-worker.ts';
import { SourcesWorker } from './threads/sources-worker.ts';

export interface SourceSide {
  /** Of every source, in the order of the configuration; none until the thread has started. */
  status(timeoutMs: number): Promise<readonly SourceStatus[]>;
  close(): Promise<void>;
}

/** Undefined without sources. `edge` appends to the log. */
export async function startSources(
  { config, state, source, shared, logger }: Foundation,
  edge: EdgeWorker,
): Promise<SourceSide | undefined> {
  if (config.sources.length === 0) return undefined;
  const own = await ownInstance(config.dataDir);
  return new SourcesWorker({
    data: {
      sources: config.sources.map((source) => optionsOf(source, own)),
      limits: config.limits,
      partitions: config.partitions,
      producerId: config.edgeThreads,
      producerEpoch: state.server.starts,
      logId: source.type === 'kafka' ? source.id : undefined,
      shared: shared.buffer,
      pendingBytesMax: config.journal.pendingBytesMax,
      logging: config.logging,
    },
    serveLog: (port) => edge.serveLog(port),
    onRestart: (fault) => logger.error({ err: fault }, 'the thread of the sources starts again'),
  });
}

function optionsOf(source: Config['sources'][number], own: string): SourceOptions {
  const { brokers, clientId, tls, sasl, group, instance, ...rest } = source;
  return {
    ...rest,
    connection: { brokers, clientId, tls, sasl },
    group: group ?? defaultGroup(source.name),
    instance: instance ?? own,
    type: source.type,
    id: source.id,
    time: source.time,
  };
}

const INSTANCE_FILE = 'source-instance';

/**
 * By which groups know this data folder again: a server that was killed gets its partitions back at once, and not only when
 * its session has run out. Made once; no backup has it, so that a copy of the folder's contents is somebody else.
 */
async function ownInstance(dataDir: string): Promise<string> {
  const path = join(dataDir, INSTANCE_FILE);
  const known = await readFile(path, 'utf8').catch(() => '');
  if (/^streamgauge-[0-9a-f]{16}$/.test(known)) return known;
  const made = `streamgauge-${randomBytes(8).toString('hex')}`;
  // Whole or not at all.
  const unfinished = `${path}.tmp`;
  await writeFile(unfinished, made, { flush: true });
  await rename(unfinished, path);
  return made;
}
