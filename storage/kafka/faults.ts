/** What brokers answer when something is wrong, in words. */
import { protocolErrors, protocolErrorsCodesById } from '@platformatic/kafka';
import { AppError } from '../../src/model/errors.ts';

/** Those of the protocol's codes that mean something to us. */
export const KAFKA_CODE = {
  offsetOutOfRange: 1,
  unknownTopic: 3,
  notLeader: 6,
  requestTimedOut: 7,
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  topicExists: 36,
  outOfOrderSequence: 45,
  duplicateSequence: 46,
  invalidProducerEpoch: 47,
  invalidProducerMapping: 49,
  unknownProducer: 59,
  producerFenced: 90,
} as const;

const definition = (code: number) => protocolErrors[protocolErrorsCodesById[code] ?? ''];

/** Such as `NOT_ENOUGH_REPLICAS: Messages are rejected since …`. */
export function kafkaError(code: number): string {
  const known = definition(code);
  return known === undefined ? `error ${code}` : `${known.id}: ${known.message}`;
}

/** Whether the same request may succeed a moment later, with a newer view of the cluster if need be. */
export const passes = (code: number): boolean => definition(code)?.canRetry ?? false;

/** With its causes, which say more than the client's errors do. */
export function messageOf(fault: unknown): string {
  if (!(fault instanceof Error)) return String(fault);
  const { message, cause } = fault;
  return cause === undefined ? message : `${message} ${messageOf(cause)}`;
}

export const kafkaFault = (doing: string, topic: string, cause: unknown): AppError =>
  new AppError(
    'log_away',
    `${doing} failed: ${messageOf(cause)}`,
    { path: kafkaPath(topic) },
    cause,
  );

/** Where a fault of a topic lies; its byte offset is then the log's offset. */
export const kafkaPath = (topic: string): string => `kafka:${topic}`;
