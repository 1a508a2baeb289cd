/** Whether nodes were told the same: settings that differ make answers depend on who has a partition, or who leads. */
import { hash } from 'node:crypto';
import type { Config } from '../config.ts';

const DIGITS = 16;

export function configDigest(config: Config): string {
  const { partitions, rollups, sessions, alarms, dedup, archive, limits, deadLetters, keys } =
    config;
  const { retention, removedKeptMs, compact } = archive;
  const same = {
    ...{ partitions, rollups },
    // Without any the same as of a version that knows of none: nodes are updated one after the other.
    ...(sessions.length > 0 && { sessions }),
    ...{ alarms, dedup, limits, deadLetters, keys },
  };
  const all = { ...same, archive: { retention, removedKeptMs, compact } };
  return hash('sha256', JSON.stringify(all)).slice(0, DIGITS);
}
