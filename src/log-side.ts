/** The log that the configuration wants, found before anything else is opened: everything that is stored is a function of it. */
import { join } from 'node:path';
import type { PreparedTopic } from '../storage/kafka/kafka-topic.ts';
import { logIdOf } from '../storage/kafka/log-id.ts';
import { SPOOL_PATIENCE_MS } from '../storage/limits.ts';
import { bindLog, type LogOrigin, readLogOrigin } from '../storage/log/log-origin.ts';
import { createLogShared, type LogShared, sharedRefusal } from '../storage/log/log-shared.ts';
import type { KafkaSource, LogSource } from '../storage/log/source.ts';
import { holdsEvents } from '../storage/spool/spool-note.ts';
import {
  attachSpoolShared,
  createSpoolShared,
  readSpool,
  type SpoolSettings,
} from '../storage/spool/spool-shared.ts';
import type { Config } from './config.ts';
import { AppError, isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { within } from './model/within.ts';
import { refuseWithSpoolLeft, spoolDirIn } from './spool-left.ts';
import { refusalInWords } from './threads/log-refusal-words.ts';
import { type TopicHere, topicFound, topicToCome } from './topic-here.ts';

export interface LogHere {
  readonly source: LogSource;
  readonly shared: LogShared;
  /** What the log is if it is one. */
  readonly topic?: TopicHere | undefined;
  /** What is in front of it while they are. */
  readonly spool?: SpoolSettings | undefined;
}

/**
 * A topic is made for a new data folder if there is none, and `shared` then knows what it holds: partitions that load their state ask for that. Rejects
 * with `config_invalid` if the data folder belongs to another log or the topic cannot be one, with `log_away` while brokers
 * are out of reach, `log_gone` and `log_denied`. With a spool a folder that knows its topic does not need them: then `shared` knows nothing.
 *
 * @param adopt what a new data folder has to know of the topic before it is bound to it
 */
export async function findLog(
  config: Config,
  logger: Logger,
  adopt: (logId: string, topic: string) => Promise<void>,
): Promise<LogHere> {
  const { dataDir, partitions, log } = config;
  if (log.type === 'journal') {
    await bindLog(dataDir, { type: 'journal' });
    return {
      source: { type: 'journal', dir: join(dataDir, 'journal') },
      shared: createLogShared(partitions),
    };
  }
  if (log.kafka === undefined) throw new RangeError('the configuration was not checked');
  const { topic: name, brokers, clientId, tls, sasl } = log.kafka;
  const connection = { brokers, clientId, tls, sasl };
  const spool = await spoolOf(config);
  const shared = createLogShared(partitions, 'kafka');
  const known = await readLogOrigin(dataDir);
  const wanted = { ...log.kafka, partitions, id: known?.id };
  const { prepareTopic } = await import('../storage/kafka/kafka-topic.ts');
  const prepare = () => prepareTopic(connection, wanted);
  const refuse = (error: unknown) => refuseWithSpoolLeft(error, dataDir);
  const refuseUnfit = (error: unknown) => {
    if (isFault(error, 'log_gone') || isFault(error, 'config_invalid')) return refuse(error);
    throw error;
  };
  const missing = Promise.withResolvers<'missing'>();
  const asked = prepareTopic(connection, wanted, () => missing.resolve('missing'));
  // Who goes on without it hears later.
  asked.catch(() => undefined);
  const soon = spool === undefined ? asked : foundSoon(asked, missing.promise, known);
  const found = await soon.catch(refuseUnfit);
  if (found === undefined) {
    const origin = await bindLog(dataDir, { type: 'kafka', topic: name, id: undefined });
    if (origin === undefined) throw new RangeError('the data folder knows its topic');
    logger.warn({ topic: name }, 'the brokers are out of reach: events are spooled until then');
    const topic = topicToCome(asked, prepare, origin.id, logger);
    return { source: { type: 'kafka', connection, ...origin, topic: name }, shared, topic, spool };
  }
  const id = logIdOf(found);
  if (found.isNew) logger.info({ topic: name, id }, 'the topic of the log was made');
  else if (known === undefined) {
    const { refuseForeign } = await import('../storage/kafka/first-records.ts');
    await refuseForeign({ connection, topic: name, id }, partitions);
  }
  await adopt(id, name);
  const origin = await bindLog(dataDir, { type: 'kafka', topic: name, id }).catch(refuse);
  const offsetBase = origin?.offsetBase ?? 0;
  const source: KafkaSource = { type: 'kafka', connection, topic: name, id, offsetBase };
  await publishBounds(source, shared).catch(refuseUnfit);
  return { source, shared, topic: topicFound(found, logger), spool };
}

/** What keeps answers from what is new, in words: the topic is gone. While brokers are away partitions say so. */
export function logProblems({
  config,
  shared,
  spool,
}: Pick<LogHere, 'shared' | 'spool'> & { readonly config: Config }): readonly string[] {
  if (sharedRefusal(shared) !== 'log_gone') return [];
  const view = spool && readSpool(attachSpoolShared(spool.numbers));
  return [refusalInWords('log_gone', config.log.kafka?.topic, view)];
}

/**
 * Undefined: the brokers do not answer, and the spool of a folder that knows its topic takes events meanwhile. Brokers that answer, and know
 * no such topic, are waited for: what is spooled for one that was deleted could never come into it.
 */
async function foundSoon(
  asked: Promise<PreparedTopic>,
  missing: Promise<'missing'>,
  known: LogOrigin | undefined,
): Promise<PreparedTopic | undefined> {
  if (known === undefined) return asked.catch(refuseFirst);
  try {
    const soon = await within(Promise.race([asked, missing]), SPOOL_PATIENCE_MS);
    return soon === 'missing' ? await asked : soon;
  } catch (error) {
    if (isFault(error, 'log_away')) return undefined;
    throw error;
  }
}

function refuseFirst(error: unknown): never {
  if (!isFault(error, 'log_away')) throw error;
  const { message, location } = error;
  const why = 'the first start of a data folder needs brokers, also with log.kafka.spool: local';
  throw new AppError('log_away', `${message}; ${why}`, location, error);
}

/** Undefined: none is wanted. Rejects with `config_invalid` if there is one that still holds events. */
async function spoolOf({ dataDir, log, journal }: Config): Promise<SpoolSettings | undefined> {
  const dir = spoolDirIn(dataDir);
  if (log.kafka?.spool === 'local') {
    const { spoolBytesMax: bytesMax } = log.kafka;
    const { diskReserveBytes } = journal;
    return { dir, bytesMax, diskReserveBytes, numbers: createSpoolShared().buffer };
  }
  if (!(await holdsEvents(dir))) return undefined;
  throw new AppError(
    'config_invalid',
    `${dir} holds events that were acknowledged and are not in the topic yet: start with log.kafka.spool: local until it is empty`,
    { path: dir },
  );
}

async function publishBounds(source: KafkaSource, shared: LogShared): Promise<void> {
  const { KafkaCluster } = await import('../storage/kafka/cluster.ts');
  const { publishTopic } = await import('../storage/kafka/topic-ends.ts');
  const cluster = new KafkaCluster(source.connection);
  try {
    await publishTopic(cluster, source, shared);
  } finally {
    cluster.close();
  }
}
