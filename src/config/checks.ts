/** Rules between settings: each looks at values that are right alone and asks whether they fit together. */

import { closeSync, openSync } from 'node:fs';
import { DAY_MS } from '../model/units.ts';
import { alarmConflicts } from './alarms.ts';
import { archiveConflicts } from './archive.ts';
import { formatBytes, formatDuration, isLoopback } from './scalars.ts';
import type { Settings } from './schema.ts';
import type { Path } from './settings.ts';

export interface Conflict {
  readonly path: Path;
  readonly message: string;
}

export function conflictsIn(settings: Settings): Conflict[] {
  return [
    ...listenConflicts(settings),
    ...sizeConflicts(settings),
    ...tlsConflicts(settings.tls),
    ...keyConflicts(settings.keys),
    ...settings.rollups.flatMap(rollupConflicts),
    ...repeated(settings.rollups.map(({ name }) => name)).map((i) => ({
      path: ['rollups', i, 'name'],
      message: 'expected a name that no other rollup has',
    })),
    ...alarmConflicts(settings.alarms).map(({ path, message }) => ({
      path: ['alarms', ...path],
      message,
    })),
    ...archiveConflicts(settings.archive).map(({ path, message }) => ({
      path: ['archive', ...path],
      message,
    })),
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
  if (tls === undefined) return [];
  return (['certFile', 'keyFile'] as const).flatMap((key) => {
    const reason = unreadable(tls[key]);
    return reason === undefined
      ? []
      : [{ path: ['tls', key], message: `expected a file that can be read (${reason})` }];
  });
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

function rollupConflicts(rollup: Settings['rollups'][number], index: number): Conflict[] {
  const measures = rollup.measures.map((m) => (m.op === 'count' ? m.op : `${m.op}(${m.field})`));
  const twice = (list: string, i: number) => ({
    path: ['rollups', index, list, i],
    message: 'expected each only once',
  });
  return [
    ...repeated(rollup.dimensions).map((i) => twice('dimensions', i)),
    ...repeated(measures).map((i) => twice('measures', i)),
    ...rollup.resolutions.flatMap((_, i) => resolutionConflicts(rollup.resolutions, index, i)),
  ];
}

type Resolutions = Settings['rollups'][number]['resolutions'];

function resolutionConflicts(all: Resolutions, rollup: number, index: number): Conflict[] {
  const current = all[index];
  const finer = all[index - 1];
  const path = ['rollups', rollup, 'resolutions', index];
  if (current === undefined) return [];
  if (DAY_MS % current.stepMs !== 0) {
    return [{ path: [...path, 'step'], message: 'expected a step that divides a day' }];
  }
  if (current.retentionMs < current.stepMs) {
    return [{ path: [...path, 'retention'], message: 'expected at least one step' }];
  }
  if (finer === undefined) return [];
  if (current.stepMs <= finer.stepMs || current.stepMs % finer.stepMs !== 0) {
    const step = formatDuration(finer.stepMs);
    return [
      {
        path: [...path, 'step'],
        message: `expected a larger multiple of the step before (${step})`,
      },
    ];
  }
  if (current.retentionMs < finer.retentionMs) {
    const retention = formatDuration(finer.retentionMs);
    return [
      {
        path: [...path, 'retention'],
        message: `expected at least the finer step's (${retention})`,
      },
    ];
  }
  return [];
}

/** Indexes of the values that an earlier one equals. */
function repeated(values: readonly string[]): number[] {
  const first = new Set<string>();
  return values.flatMap((value, i) => {
    if (first.has(value)) return [i];
    first.add(value);
    return [];
  });
}

function unreadable(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'r'));
    return undefined;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}
