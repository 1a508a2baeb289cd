/** When the server raises alarms about itself, as people write it. Which alarms there are is in docs/alarms.md. */
import type { ServerAlarms } from '../model/server-alarms.ts';
import { bytes, durationMs, HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { DEFAULT_TENANT } from './alarm-rule.ts';
import { number } from './alarm-scalars.ts';
import { duration, formatBytes, formatDuration, integer, name, size, yes } from './scalars.ts';
import { group } from './shapes.ts';

const GiB = 2 ** 30;

export const serverAlarms = group({
  enabled: yes.default(true),
  /** Whose alarms they are: its keys see them, its receivers are told. */
  tenant: name('a tenant').default(DEFAULT_TENANT),
  /** A partition has not applied events that have been durable for so long. */
  ingestLag: duration(SECOND_MS, HOUR_MS).default(durationMs(30 * SECOND_MS)),
  /** This part of the events of a minute was refused. */
  rejectedShare: number(0.001, 1).default(0.1),
  /** This part of `journal.bytesMax` is in use. */
  logUsedShare: number(0.1, 1).default(0.8),
  /** Less than this is free on the disk of the data folder. Below `journal.diskReserveBytes` events are refused. */
  diskFreeBytes: size(0, 1_024 * GiB).default(bytes(2 * GiB)),
  /** Commits of a partition take so long, in the mean of a minute. */
  commitTime: duration(10, HOUR_MS).default(durationMs(SECOND_MS)),
  /** One actor has restarted more often in ten minutes. */
  restarts: integer(0, 1_000).default(3),
  /** Alarms are judged so late. */
  alarmLag: duration(SECOND_MS, HOUR_MS).default(durationMs(60 * SECOND_MS)),
  /** Events have waited to be archived for so much longer than `archive.cut.ageMaxMs`. */
  archiveLag: duration(10 * SECOND_MS, HOUR_MS).default(durationMs(15 * MINUTE_MS)),
  /** Hive has lacked something that is in the archive for so long. */
  hiveLag: duration(10 * SECOND_MS, 24 * HOUR_MS).default(durationMs(15 * MINUTE_MS)),
  /** A checkpoint of a partition is so old; where checkpoints are taken. */
  checkpointAge: duration(MINUTE_MS, 7 * 24 * HOUR_MS).default(durationMs(30 * MINUTE_MS)),
  /** Records of a foreign topic have waited to be read for so long. */
  sourceLag: duration(10 * SECOND_MS, 24 * HOUR_MS).default(durationMs(5 * MINUTE_MS)),
}).transform(
  ({
    enabled,
    ingestLag,
    commitTime,
    alarmLag,
    archiveLag,
    hiveLag,
    checkpointAge,
    sourceLag,
    ...rest
  }): ServerAlarms => ({
    ...rest,
    isEnabled: enabled,
    ingestLagMs: ingestLag,
    commitMs: commitTime,
    boardLagMs: alarmLag,
    archiveLagMs: archiveLag,
    hiveLagMs: hiveLag,
    checkpointAgeMs: checkpointAge,
    sourceLagMs: sourceLag,
  }),
);

export const serverAlarmsText = (of: ServerAlarms): Record<string, unknown> => ({
  enabled: of.isEnabled,
  tenant: of.tenant,
  ingestLag: formatDuration(of.ingestLagMs),
  rejectedShare: of.rejectedShare,
  logUsedShare: of.logUsedShare,
  diskFreeBytes: formatBytes(of.diskFreeBytes),
  commitTime: formatDuration(of.commitMs),
  restarts: of.restarts,
  alarmLag: formatDuration(of.boardLagMs),
  archiveLag: formatDuration(of.archiveLagMs),
  hiveLag: formatDuration(of.hiveLagMs),
  checkpointAge: formatDuration(of.checkpointAgeMs),
  sourceLag: formatDuration(of.sourceLagMs),
});
