/** What resolvers are given: who asks, and the services that answer. */
import type { Clock } from '../src/model/clock.ts';
import type { SourceView } from '../src/model/source-view.ts';
import type { SpoolView } from '../src/model/spool-view.ts';
import type { AlarmUpdates } from '../src/query/alarm-updates.ts';
import type { AlarmBoardPort } from '../src/query/alarms-port.ts';
import type { ArchivePort } from '../src/query/archive-port.ts';
import type { BackupPort } from '../src/query/backup-port.ts';
import type { CheckpointPort } from '../src/query/checkpoint-port.ts';
import type { ClusterPort } from '../src/query/cluster-port.ts';
import type { ColdQueries } from '../src/query/cold/cold-queries.ts';
import type { DashboardPort } from '../src/query/dashboard-port.ts';
import type { ErasurePort } from '../src/query/erasure-port.ts';
import type { FieldsPort } from '../src/query/field-statistics.ts';
import type { Followers } from '../src/query/followers.ts';
import type { HealthPort } from '../src/query/health.ts';
import type { HealthUpdates } from '../src/query/health-updates.ts';
import type { LettersPort } from '../src/query/letters.ts';
import type { PartitionClient, RollupCatalog } from '../src/query/ports.ts';
import type { Queries } from '../src/query/queries.ts';
import type { ReplayPort } from '../src/query/replay-port.ts';
import type { RollupPort } from '../src/query/rollup-port.ts';
import type { StreamUpdates } from '../src/query/streams.ts';
import type { SystemPort } from '../src/query/system.ts';
import type { TestEventsPort } from '../src/query/test-events.ts';
import type { Access } from './authorize.ts';

export interface Services {
  readonly queries: Queries;
  readonly partitions: PartitionClient;
  readonly catalog: RollupCatalog;
  readonly rollups: RollupPort;
  readonly dashboards: DashboardPort;
  readonly fields: FieldsPort;
  readonly system: SystemPort;
  readonly health: HealthPort;
  readonly letters: LettersPort;
  readonly testEvents: TestEventsPort;
  /** Undefined: there is no spool. */
  readonly spool?: (() => SpoolView | undefined) | undefined;
  readonly alarms: AlarmBoardPort;
  /** Undefined if the server keeps none. */
  readonly archive: ArchivePort | undefined;
  readonly backup: BackupPort;
  /** Undefined if the log goes with the machine, or there is no archive. */
  readonly checkpoints?: CheckpointPort | undefined;
  /** Undefined: the server is no node of a cluster. */
  readonly cluster?: ClusterPort | undefined;
  readonly erasures: ErasurePort;
  /** As `archive`. */
  readonly cold: ColdQueries | undefined;
  /** As `archive`. */
  readonly replays: ReplayPort | undefined;
  readonly followers: Followers;
  /** Undefined if the server reads no topics of other programs. */
  readonly sources?: (() => Promise<readonly SourceView[]>) | undefined;
  readonly clock: Clock;
  readonly version: string;
}

/** Who asks, as far as it matters to another node that answers. */
export interface Caller {
  /** The header, or what a WebSocket has said in its place. */
  readonly authorization: string | undefined;
  /** Of the session that stands for it, if one does: what it opens over HTTP ends with that. */
  readonly sessionId?: string | undefined;
  /** Another node has sent it, which takes this one for the leader. */
  readonly isForwarded: boolean;
}

export interface GraphContext {
  readonly access: Access;
  readonly caller: Caller;
  readonly services: Services;
  readonly alarmUpdates: AlarmUpdates;
  readonly healthUpdates: HealthUpdates;
  readonly streamUpdates: StreamUpdates;
}
