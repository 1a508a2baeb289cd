/** How the brokers of a cluster are reached: plain settings, which are posted to threads, and what the client makes of them. */
import {
  type KafkaSasl,
  type KafkaTls,
  type SecurityOptions,
  securityOptions,
} from './security.ts';

export interface KafkaConnection {
  /** Of some brokers, such as `kafka-1:9092`; they tell of the others. */
  readonly brokers: readonly string[];
  /** By which the brokers' logs and quotas know us. */
  readonly clientId?: string;
  readonly tls?: KafkaTls | undefined;
  readonly sasl?: KafkaSasl | undefined;
}

/** What a topic that is our log is called, and where it is. */
export interface KafkaLogSource {
  readonly connection: KafkaConnection;
  readonly topic: string;
  /** Names the log for good: `<cluster id>/<topic id>`. A topic that was deleted and made anew is another one. */
  readonly id: string;
  /** An offset of the log is this much more than the record's in the topic: what lay before moved here from elsewhere. */
  readonly offsetBase: number;
}

export interface ClientOptions extends SecurityOptions {
  readonly clientId: string;
  readonly bootstrapBrokers: string[];
}

/** For any client of `@platformatic/kafka`. Rejects with `log_denied` while a file that is needed cannot be read. */
export async function clientOptions(connection: KafkaConnection): Promise<ClientOptions> {
  return {
    clientId: connection.clientId ?? 'streamgauge',
    bootstrapBrokers: [...connection.brokers],
    ...(await securityOptions(connection)),
  };
}
