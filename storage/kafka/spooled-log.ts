/** The writer of a log in a topic with a spool in front of it. */
import { systemClock } from '../../src/model/clock.ts';
import { isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { KAFKA_PENDING_BYTES_MAX } from '../limits.ts';
import { Spool } from '../spool/spool.ts';
import { withSpoolLeft } from '../spool/spool-left.ts';
import { attachSpoolShared, type SpoolSettings } from '../spool/spool-shared.ts';
import { SpoolingWriter } from '../spool/spooling-writer.ts';
import { type KafkaWriterOptions, openKafkaWriter } from './kafka-writer.ts';

/**
 * Does not need the brokers: what comes is spooled until they are there. Rejects as `openJournal` does, and if the topic can be
 * reached and is not the log of `id`.
 */
export async function openSpooledLog(
  kafka: KafkaWriterOptions,
  { numbers, ...settings }: SpoolSettings,
  logger: Logger,
  onFailed: (error: unknown) => void,
): Promise<SpoolingWriter> {
  const { shared, pendingBytesMax = KAFKA_PENDING_BYTES_MAX, clock = systemClock } = kafka;
  const spool = await Spool.open({
    ...settings,
    partitions: shared.partitions,
    pendingBytesMax: 2 * pendingBytesMax,
    logger,
  });
  // What it would refuse is spooled, and nobody's concern.
  const unheard = { ...shared, words: shared.words.slice() };
  return SpoolingWriter.start({
    spool,
    // What the spool takes for a topic that is gone is lost to it: rather too little is taken for a moment.
    connect: () =>
      openKafkaWriter({ ...kafka, shared: unheard, missingMs: 0 }).catch((error: unknown) => {
        const { events } = spool.waiting;
        if (!isFault(error, 'config_invalid') || events === 0) throw error;
        throw withSpoolLeft(error, settings.dir, events);
      }),
    shared,
    numbers: attachSpoolShared(numbers),
    pendingBytesMax,
    clock,
    logger,
    onFailed,
  });
}
