/** Sending record batches as they are packed. */
import { produceV9, Writer } from '@platformatic/kafka';
import { KAFKA_ACK_MS_MAX } from '../limits.ts';
import { apiOf } from './cluster.ts';

const ALL_IN_SYNC = -1;

export const PRODUCE = apiOf(0, 9, produceV9.parseResponse);

/** At most one batch for each partition: brokers take no more. Answered when all replicas in sync have them. */
export function produceRequest(topic: string, batches: ReadonlyMap<number, Buffer>): Writer {
  return Writer.create()
    .appendString(null)
    .appendInt16(ALL_IN_SYNC)
    .appendInt32(KAFKA_ACK_MS_MAX)
    .appendArray([topic], (request, name) => {
      request.appendString(name).appendArray([...batches], (each, [partition, batch]) => {
        each
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch);
      });
    })
    .appendTaggedFields();
}
