/** What resolvers are given: who asks, and the services that answer. */
import type { Clock } from '../src/model/clock.ts';
import type { AlarmUpdates } from '../src/query/alarm-updates.ts';
import type { AlarmBoardPort } from '../src/query/alarms-port.ts';
import type { ArchivePort } from '../src/query/archive-port.ts';
import type { BackupPort } from '../src/query/backup-port.ts';
import type { ColdQueries } from '../src/query/cold/cold-queries.ts';
import type { ErasurePort } from '../src/query/erasure-port.ts';
import type { Followers } from '../src/query/followers.ts';
import type { PartitionClient, RollupCatalog } from '../src/query/ports.ts';
import type { Queries } from '../src/query/queries.ts';
import type { ReplayPort } from '../src/query/replay-port.ts';
import type { SystemPort } from '../src/query/system.ts';
import type { Access } from './authorize.ts';

export interface Services {
  readonly queries: Queries;
  readonly partitions: PartitionClient;
  readonly catalog: RollupCatalog;
  readonly system: SystemPort;
  readonly alarms: AlarmBoardPort;
  /** Undefined if the server keeps none. */
  readonly archive: ArchivePort | undefined;
  readonly backup: BackupPort;
  readonly erasures: ErasurePort;
  /** As `archive`. */
  readonly cold: ColdQueries | undefined;
  /** As `archive`. */
  readonly replays: ReplayPort | undefined;
  readonly followers: Followers;
  readonly clock: Clock;
  readonly version: string;
}

export interface GraphContext {
  readonly access: Access;
  readonly services: Services;
  readonly alarmUpdates: AlarmUpdates;
}
