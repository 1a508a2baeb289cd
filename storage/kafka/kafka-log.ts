/** A topic of Kafka as the log: its writer, and any number of readers. */
import type { EventLog } from '../log/log.ts';
import { openKafkaReaders } from './kafka-reader.ts';
import { type KafkaWriter, type KafkaWriterOptions, openKafkaWriter } from './kafka-writer.ts';

export interface KafkaLog extends EventLog {
  readonly writer: KafkaWriter;
}

/** Call once, in the thread that owns the writer; others use `openKafkaReaders`. Rejects as `openKafkaWriter` does. */
export async function openKafkaLog(options: KafkaWriterOptions): Promise<KafkaLog> {
  return {
    writer: await openKafkaWriter(options),
    openReader: openKafkaReaders(options, options.shared),
  };
}
