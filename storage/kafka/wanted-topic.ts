/** What the topic that is our log has to be, and the settings that it is made with. */
import { BLOCK_BYTES_MAX } from '../../src/model/block-format.ts';
import { DAY_MS, MINUTE_MS } from '../../src/model/units.ts';

export interface WantedTopic {
  readonly topic: string;
  /** Of the server. */
  readonly partitions: number;
  /** Makes the topic if there is none. */
  readonly create: boolean;
  /** Of the log that the data folder belongs to: then none is made in place of a topic that was deleted. */
  readonly id?: string | undefined;
  /** Of a topic that is made; without it as many as there are brokers, at most three. */
  readonly replication?: number | undefined;
  /** Without it one less than there are replicas, at least one. */
  readonly minInSyncReplicas?: number | undefined;
  /** -1: for ever. Without it a topic is made with a week, and nothing is asked of one that is there. */
  readonly retentionMs?: number | undefined;
  /** Of each partition; -1, as without it: any. */
  readonly retentionBytes?: number | undefined;
}

/** Of a record: the largest block, and what Kafka's format puts around it. */
export const RECORD_BYTES_MAX = BLOCK_BYTES_MAX + 64 * 1024;
const REPLICATION_WANTED = 3;
const RETENTION_MS = 7 * DAY_MS;
const ANY = -1;
/**
 * Brokers delete whole segments, and of one that is written to nothing: events stay up to an eighth longer than they have to. Smaller
 * segments are more files, and more memory of the brokers.
 */
const SEGMENTS_OF_RETENTION = 8;
const SEGMENT_MS_MIN = 10 * MINUTE_MS;
const SEGMENT_MS_MAX = 7 * DAY_MS;

export const replicasOf = ({ replication }: WantedTopic, brokers: number): number =>
  replication ?? Math.min(REPLICATION_WANTED, brokers);

/** For a topic with so many replicas. */
export function settingsOf(wanted: WantedTopic, replicas: number): Record<string, string> {
  const { minInSyncReplicas, retentionMs = RETENTION_MS, retentionBytes = ANY } = wanted;
  const segmentMs = Math.ceil(retentionMs / SEGMENTS_OF_RETENTION);
  const values = {
    'cleanup.policy': 'delete',
    'min.insync.replicas': minInSyncReplicas ?? Math.max(1, replicas - 1),
    'max.message.bytes': RECORD_BYTES_MAX,
    'retention.ms': retentionMs,
    'retention.bytes': retentionBytes,
    'segment.ms':
      retentionMs === ANY
        ? SEGMENT_MS_MAX
        : Math.min(SEGMENT_MS_MAX, Math.max(SEGMENT_MS_MIN, segmentMs)),
    // By the brokers' clocks: ours may be wrong, and retention goes by this.
    'message.timestamp.type': 'LogAppendTime',
    'unclean.leader.election.enable': 'false',
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}
