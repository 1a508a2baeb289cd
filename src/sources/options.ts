/** A foreign topic as a source of events: what its configuration says. Plain data, because it crosses to a worker thread. */
import type { KafkaConnection } from '../../storage/kafka/connection.ts';

/** What each record's value is. */
export type SourceFormat = 'json' | 'ndjson' | 'msgpack' | 'cloudevents';

export interface FromHeader {
  readonly header: string;
}
export interface FromKey {
  readonly record: 'key';
}

export interface TenantByHeader extends FromHeader {
  /** The tenants that it may name. */
  readonly allow: readonly string[];
  /** Whose dead letters the others become. */
  readonly refusedTo: string;
}

export interface RecordMapping {
  readonly format: SourceFormat;
  readonly tenant: string | TenantByHeader;
  readonly stream: string | FromHeader | { readonly field: string } | { readonly record: 'topic' };
  /** Of events that say none. */
  readonly type: string | FromHeader | undefined;
  readonly key: FromHeader | FromKey | 'none';
  readonly id: FromHeader | FromKey | undefined;
  /** Without it: the record's own time. */
  readonly time: FromHeader | undefined;
  /** The topic's name of a field -> its name here. */
  readonly fields: Readonly<Record<string, string>>;
}

export interface SourceOptions extends RecordMapping {
  readonly name: string;
  readonly connection: KafkaConnection;
  readonly topics: readonly string[];
  readonly group: string;
  /** Who this server is among those of the group, also after a restart. */
  readonly instance: string;
  /** Where a partition begins that the group has not read. A number: at that time. */
  readonly start: 'earliest' | 'latest' | number;
}
