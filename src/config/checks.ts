/** Rules between settings: each looks at values that are right alone and asks whether they fit together. */
import { alarmConflicts } from './alarms.ts';
import { archiveConflicts } from './archive.ts';
import { certificateProblem, certificateWarning } from './certificates.ts';
import { clusterConflicts } from './cluster.ts';
import { logConflicts } from './log.ts';
import { rollupConflicts } from './rollups.ts';
import { formatBytes, isLoopback } from './scalars.ts';
import type { Settings } from './schema.ts';
import { sessionConflicts, sessionRollupConflicts } from './sessions.ts';
import type { Path } from './settings.ts';
import { repeated } from './shapes.ts';
import { sourceConflicts } from './topic-sources.ts';
import { webConflicts } from './web.ts';

export interface Conflict {
  readonly path: Path;
  readonly message: string;
}

/** What the settings are held against. */
export interface CheckedAgainst {
  readonly nowMs: number;
  /** Also files without which the server starts: sources tell what they lack, and try again. */
  readonly areAllFilesNeeded: boolean;
}

export function conflictsIn(settings: Settings, against: CheckedAgainst): Conflict[] {
  return [
    ...listenConflicts(settings),
    ...sizeConflicts(settings),
    ...tlsConflicts(settings.tls),
    ...keyConflicts(settings.keys),
    ...settings.rollups.flatMap((each, i) =>
      [...rollupConflicts(each), ...sessionRollupConflicts(each, settings.sessions)].map(
        ({ path, message }) => ({ path: ['rollups', i, ...path], message }),
      ),
    ),
    ...sessionConflicts(
      settings.sessions,
      settings.partitions,
      (stream) => settings.web.enabled && stream === settings.web.stream,
    ).map(({ path, message }) => ({
      path: ['sessions', ...path],
      message,
    })),
    ...repeated(settings.rollups.map(({ name }) => name)).map((i) => ({
      path: ['rollups', i, 'name'],
      message: 'expected a name that no other rollup has',
    })),
    ...alarmConflicts(settings.alarms).map(({ path, message }) => ({
      path: ['alarms', ...path],
      message,
    })),
    ...sourceConflicts(settings.sources, { log: settings.log.kafka, ...against }).map(
      ({ path, message }) => ({
        path: ['sources', ...path],
        message,
      }),
    ),
    ...logConflicts(settings.log).map(({ path, message }) => ({
      path: ['log', ...path],
      message,
    })),
    ...archiveConflicts(settings.archive).map(({ path, message }) => ({
      path: ['archive', ...path],
      message,
    })),
    ...webConflicts(settings.web).map(({ path, message }) => ({
      path: ['web', ...path],
      message,
    })),
    ...clusterConflicts(settings),
  ];
}

function listenConflicts({ listen, keys, partitions, partitionThreads }: Settings): Conflict[] {
  const conflicts: Conflict[] = [];
  if (keys.length === 0 && !isLoopback(listen.host)) {
    conflicts.push({
      path: ['listen', 'host'],
      message:
        'expected a loopback address such as 127.0.0.1, because without keys everybody who reaches the port may read and write; make a key with "streamgauge keys create" first',
    });
  }
  if (listen.queryPort !== 0 && listen.queryPort === listen.ingestPort) {
    conflicts.push({
      path: ['listen', 'queryPort'],
      message: 'expected another port than listen.ingestPort: senders and readers never share one',
    });
  }
  if (partitionThreads > partitions) {
    conflicts.push({
      path: ['partitionThreads'],
      message: `expected at most as many as partitions (${partitions}): a thread without one is idle`,
    });
  }
  return conflicts;
}

function sizeConflicts({ limits, journal }: Settings): Conflict[] {
  const conflicts: Conflict[] = [];
  if (limits.bodyBytesMax < limits.lineBytesMax) {
    conflicts.push({
      path: ['limits', 'bodyBytesMax'],
      message: `expected at least limits.lineBytesMax (${formatBytes(limits.lineBytesMax)})`,
    });
  }
  if (journal.bytesMax < 2 * journal.fileBytes) {
    conflicts.push({
      path: ['journal', 'bytesMax'],
      message: `expected at least two files of journal.fileBytes (${formatBytes(2 * journal.fileBytes)}), or nothing could ever be deleted`,
    });
  }
  return conflicts;
}

function tlsConflicts(tls: Settings['tls']): Conflict[] {
  const problem = tls && certificateProblem(tls);
  return problem ? [{ path: ['tls', problem.key], message: problem.message }] : [];
}

/** What works, and is seldom meant. Of settings without a conflict. */
export function warningsIn({ tls }: Settings, nowMs: number): Conflict[] {
  const message = tls && certificateWarning(tls, nowMs);
  return message === undefined ? [] : [{ path: ['tls', 'certFile'], message }];
}

function keyConflicts(keys: Settings['keys']): Conflict[] {
  const of = (field: string, message: string) => (i: number) => ({
    path: ['keys', i, field],
    message,
  });
  return [
    ...repeated(keys.map(({ id }) => id)).map(of('id', 'expected an id that no other key has')),
    ...repeated(keys.map(({ hash }) => hash)).map(
      of('hash', 'expected a secret that no other key has'),
    ),
  ];
}
