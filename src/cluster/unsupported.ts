/** What a node of a cluster does not do: it would see the partitions of one node, and answer as if they were all. */
import { AppError } from '../model/errors.ts';
import type { BackupPort } from '../query/backup-port.ts';
import type { ErasurePort } from '../query/erasure-port.ts';
import type { ReplayPort } from '../query/replay-port.ts';

const ALONE =
  'stop all nodes, start one of them with cluster.enabled: false, do it there, call takeCheckpoint, stop it, and start the cluster again, the other nodes with empty data folders (docs/cluster.md)';

/** What every node has is in the topic and in the archive, so there is nothing of its own to keep. */
export const noBackups: BackupPort = {
  view: () => undefined,
  start: () =>
    refuse(
      'a node of a cluster makes no backups: its state is in the checkpoints of the archive, so keep the archive and the topic',
    ),
  cancel: async () => undefined,
};

export const noReplays: ReplayPort = {
  start: () => refuse(`a cluster does not rebuild rollups: ${ALONE}`),
  apply: () => refuse(`a cluster does not swap rebuilt rollups in: ${ALONE}`),
  cancel: () => refuse(`a cluster has no replays: ${ALONE}`),
  list: () => [],
};

/** Those that were asked for before go on when the server is alone again. */
export const noErasures: ErasurePort = {
  request: () => refuse(`a cluster does not erase: ${ALONE}`),
  find: async () => undefined,
  list: async () => [],
};

async function refuse(message: string): Promise<never> {
  throw new AppError('cluster_unsupported', message);
}
