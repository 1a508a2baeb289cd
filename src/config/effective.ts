/** The configuration that is in force, written as a configuration file: a fine start for one's own. */

import { Document, isCollection, isScalar } from 'yaml';
import { measureText } from '../model/rollup.ts';
import { alarmsText } from './alarms.ts';
import { masked } from './problems.ts';
import { formatBytes, formatDuration } from './scalars.ts';
import { HASH_PREFIX, type Settings, schema } from './schema.ts';
import { type Path, settingsOf } from './settings.ts';

/** Secrets masked. A comment names the source of every value that is no default. */
export function effectiveYaml(settings: Settings, whereIs: (path: Path) => string): string {
  const document = new Document(effectiveValues(settings), { aliasDuplicateObjects: false });
  for (const { path } of settingsOf(schema)) {
    const node = document.getIn(path, true);
    const where = whereIs(path);
    const comment = where === '' ? null : ` ${where}`;
    const isEmpty = isCollection(node) && node.items.length === 0;
    if (isEmpty) node.flow = true;
    if (isScalar(node) || isEmpty) node.comment = comment;
    else if (isCollection(node)) node.commentBefore = comment;
  }
  return document.toString({ lineWidth: 0 });
}

/** The same as plain data, in the form that a file has. */
export function effectiveValues(settings: Settings): Record<string, unknown> {
  const readable = {
    ...settings,
    limits: withSizes(settings.limits),
    journal: withSizes(settings.journal),
    dedup: withSizes(settings.dedup),
    keys: settings.keys.map(({ publicSecret, hash, ...key }) =>
      publicSecret === undefined
        ? { ...key, hash: HASH_PREFIX + hash }
        : { ...key, public: publicSecret },
    ),
    rollups: settings.rollups.map(
      ({ latenessMs, seriesMax, resolutions, measures, ...rollup }) => ({
        ...rollup,
        measures: measures.map((measure) =>
          measure.op === 'top' ? measure : measureText(measure),
        ),
        resolutions: resolutions.map(({ stepMs, retentionMs }) => ({
          step: formatDuration(stepMs),
          retention: formatDuration(retentionMs),
        })),
        lateness: formatDuration(latenessMs),
        seriesMax,
      }),
    ),
    sessions: settings.sessions.map(({ gapMs, latenessMs, ...each }) => ({
      ...each,
      gap: formatDuration(gapMs),
      lateness: formatDuration(latenessMs),
    })),
    alarms: alarmsText(settings.alarms),
  };
  return Object.fromEntries(
    Object.entries(readable)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, masked([key], value)]),
  );
}

function withSizes(group: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(group)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [
        key,
        typeof value === 'number' && /Bytes/i.test(key) ? formatBytes(value) : value,
      ]),
  );
}
