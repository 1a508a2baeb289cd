/** Why a partition of the log's topic cannot be read on, in words that name the record and say what mends it. */
import { AppError, isFault } from '../../src/model/errors.ts';
import type { KafkaConnection, KafkaLogSource } from './connection.ts';
import { kafkaPath, messageOf } from './faults.ts';
import { aclCommand } from './topic-judgement.ts';

/** Offsets of a partition as the topic's own tools count them. */
export interface RecordRun {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

type Log = Pick<KafkaLogSource, 'connection' | 'topic' | 'offsetBase'>;

/** Of the records `[from, to)`, where blocks should be. */
export function strayFault(
  { connection, topic, offsetBase }: Log,
  { partition, from, to }: RecordRun,
  cause: unknown,
): AppError {
  const where = { path: kafkaPath(topic), partition, byteOffset: offsetBase + from };
  const name = `record ${from} of partition ${partition} of the topic ${topic}`;
  if (isFault(cause, 'block_version')) {
    return new AppError('block_version', `${name}: ${messageOf(cause)}`, where, cause);
  }
  const more = to - from > 1 ? `, nor are those up to ${to - 1}` : '';
  return new AppError(
    'block_corrupt',
    `${name} is no block of events${more}: ${messageOf(cause)}. Something else has written to the topic, or a block was damaged. ` +
      `Let nobody but the server write there; once all before it is committed and archived (docs/kafka.md), ${deleteCommand(connection, topic, { partition, before: to })}`,
    where,
    cause,
  );
}

/** Of a partition that has nothing at `at` any more, or not yet. */
export function goneFault(
  { topic, offsetBase }: Log,
  { partition, at, start }: { partition: number; at: number; start: number },
): AppError {
  const why =
    start > at
      ? `it begins with ${start} now: what lay between was deleted before it was read, and docs/checkpoints.md says how to go on`
      : 'it has lost its end: bring back what the brokers had';
  return new AppError(
    'log_truncated',
    `the topic ${topic} no longer has offset ${at} of partition ${partition}; ${why}`,
    { path: kafkaPath(topic), partition, byteOffset: offsetBase + at },
  );
}

export const anewFault = ({ topic }: Log, partition: number): AppError =>
  new AppError(
    'log_truncated',
    `the topic ${topic} was deleted and made anew: it lacks partition ${partition}`,
    { path: kafkaPath(topic), partition },
  );

export const deniedFault = ({ topic, connection }: Log, partition: number): AppError =>
  new AppError(
    'log_denied',
    `the topic ${topic} may not be read any more: ${aclCommand(['Read'], connection, topic)}`,
    { path: kafkaPath(topic), partition },
  );

function deleteCommand(
  { brokers }: KafkaConnection,
  topic: string,
  { partition, before: offset }: { partition: number; before: number },
): string {
  const file = JSON.stringify({ version: 1, partitions: [{ topic, partition, offset }] });
  return `write ${file} to a file, and kafka-delete-records.sh --bootstrap-server ${brokers[0]} --offset-json-file FILE`;
}
