/** Where the log of this server is: plain data, which every thread that reads is handed. */
import type { KafkaLogSource } from '../kafka/connection.ts';
import { nodeDisk } from './disk.ts';
import { readJournalId } from './journal-file.ts';
import { openJournalReader } from './journal-reader.ts';
import type { OpenReader } from './log.ts';
import type { LogShared } from './log-shared.ts';

export interface JournalSource {
  readonly type: 'journal';
  readonly dir: string;
}

export interface KafkaSource extends KafkaLogSource {
  readonly type: 'kafka';
}

export type LogSource = JournalSource | KafkaSource;

/** Readers of the log for this thread. Its client is loaded only where the log is a topic. */
export async function logReaders(source: LogSource, shared: LogShared): Promise<OpenReader> {
  if (source.type === 'journal') {
    const { dir } = source;
    return (from) => openJournalReader({ dir, shared, from });
  }
  const { openKafkaReaders } = await import('../kafka/kafka-reader.ts');
  return openKafkaReaders(source, shared);
}

/** Names the log for good. Rejects with `log_io` if it is a journal that nobody has made yet. */
export async function logId(source: LogSource): Promise<string> {
  return source.type === 'journal' ? readJournalId(nodeDisk, source.dir) : source.id;
}
