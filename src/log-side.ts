/** The log that the configuration wants, found before anything else is opened: everything that is stored is a function of it. */
import { join } from 'node:path';
import type { PreparedTopic } from '../storage/kafka/kafka-topic.ts';
import { SPOOL_PATIENCE_MS } from '../storage/limits.ts';
import { bindLog, type LogOrigin, readLogOrigin } from '../storage/log/log-origin.ts';
import { createLogShared, type LogShared } from '../storage/log/log-shared.ts';
import type { KafkaSource, LogSource } from '../storage/log/source.ts';
import { eventsLeft, holdsEvents } from '../storage/spool/spool-note.ts';
import { createSpoolShared, type SpoolSettings } from '../storage/spool/spool-shared.ts';
import type { Config } from './config.ts';
import { AppError, isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { within } from './model/within.ts';
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
  const refuse = (error: unknown) => refuseBound(error, dataDir);
  const asked = prepare();
  // Who goes on without it hears later.
  asked.catch(() => undefined);
  const found = await (spool === undefined ? asked : foundSoon(asked, known)).catch(
    (error: unknown) => {
      if (isFault(error, 'log_gone')) return refuse(error);
      throw error;
    },
  );
  if (found === undefined) {
    const origin = await bindLog(dataDir, { type: 'kafka', topic: name, id: undefined });
    if (origin === undefined) throw new RangeError('the data folder knows its topic');
    logger.warn({ topic: name }, 'the brokers are out of reach: events are spooled until then');
    const topic = topicToCome(asked, prepare, logger);
    return { source: { type: 'kafka', connection, ...origin, topic: name }, shared, topic, spool };
  }
  const id = `${found.clusterId}/${found.topicId}`;
  if (found.isNew) logger.info({ topic: name, id }, 'the topic of the log was made');
  else if (known === undefined) {
    const { refuseForeign } = await import('../storage/kafka/first-records.ts');
    await refuseForeign({ connection, topic: name, id }, partitions);
  }
  await adopt(id, name);
  const origin = await bindLog(dataDir, { type: 'kafka', topic: name, id }).catch(refuse);
  const offsetBase = origin?.offsetBase ?? 0;
  const source: KafkaSource = { type: 'kafka', connection, topic: name, id, offsetBase };
  await publishBounds(source, shared);
  return { source, shared, topic: topicFound(found, logger), spool };
}

/** Undefined: the brokers do not answer, and the spool of a folder that knows its topic takes events meanwhile. */
async function foundSoon(
  asked: Promise<PreparedTopic>,
  known: LogOrigin | undefined,
): Promise<PreparedTopic | undefined> {
  if (known === undefined) return asked.catch(refuseFirst);
  try {
    return await within(asked, SPOOL_PATIENCE_MS);
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

/** Whoever begins with an empty folder must not leave behind what was acknowledged. */
async function refuseBound(error: unknown, dataDir: string): Promise<never> {
  const dir = join(dataDir, 'spool');
  const events = await eventsLeft(dir);
  if (!(error instanceof AppError) || events === undefined) throw error;
  const rescue = `${dir} holds ${events} events that were acknowledged and are not in the topic: keep this folder, and move them as docs/spool.md says under "A topic that was deleted"`;
  throw new AppError(error.code, `${error.message}. ${rescue}`, error.location, error);
}

/** Undefined: none is wanted. Rejects with `config_invalid` if there is one that still holds events. */
async function spoolOf({ dataDir, log, journal }: Config): Promise<SpoolSettings | undefined> {
  const dir = join(dataDir, 'spool');
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
