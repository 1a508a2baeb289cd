/** The archive of a data folder that moves: claimed as the journal's owner, and then as the topic's, with where it ends there. */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimGuard, isKnown } from '../../actors/archiver/claim-guard.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import type { Claim } from '../../storage/archive/manifest-store.ts';
import { beginArchive, openArchive } from '../../storage/archive/open.ts';
import { OWN_COMMITS_FILE, openOwnCommits } from '../../storage/archive/own-commits.ts';
import { SegmentCommitter } from '../../storage/archive/segment-commit.ts';
import { archiveSettings } from '../archive-settings.ts';
import type { Config } from '../config.ts';
import { hasHadArchive } from '../had-archive.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import type { Logger } from '../model/logger.ts';

export interface MovingArchive {
  /** Where the journal's archive ends, by partition. Nobody else can write to it afterwards. */
  positions(journal: string, journalEnd: number): Promise<ReadonlyMap<number, number>>;
  /** Makes it another log's, if it is not yet. */
  handOver(handing: Handing): Promise<void>;
}

interface Handing {
  readonly from: string;
  readonly fromEnd: number;
  readonly to: string;
  readonly positions: readonly number[];
  /** Nothing is done unless it is that of `from`. */
  readonly onlyIfHeld?: boolean;
}

/** Undefined without an archive. Rejects with `config_invalid` if there was one, and the configuration has switched it off. */
export async function movingArchive(
  config: Config,
  log: Logger,
): Promise<MovingArchive | undefined> {
  const { dataDir } = config;
  if (!config.archive.enabled) {
    if (!(await hasHadArchive(dataDir))) return undefined;
    throw new AppError(
      'config_invalid',
      `events of ${dataDir} have been archived, and archive.enabled is false: the archive moves with the folder, so switch it on for this command`,
      { path: dataDir },
    );
  }
  const settings = archiveSettings(config);
  const claim = async (wanted: Claim, journalEnd: number): Promise<Manifest> => {
    const archive = await openArchive(settings);
    try {
      const commits = await openOwnCommits(join(dataDir, OWN_COMMITS_FILE));
      if (!isKnown(commits, archive.url)) await beginArchive(settings);
      const guard = claimGuard({ commits, logEnd: () => journalEnd, url: archive.url });
      const ended = AbortSignal.abort();
      const patience = { clock: systemClock, sleep, log, signal: ended };
      return (await SegmentCommitter.open({ archive, guard, ...patience, ...wanted })).manifest;
    } finally {
      await archive.close();
    }
  };
  const ownerOf = (journal: string) => ({ journal, host: hostname(), pid: process.pid });
  const ownerNow = async (): Promise<string | undefined> => {
    const archive = await openArchive(settings);
    try {
      return (await new ManifestReader(archive, log).load()).owner?.journal;
    } finally {
      await archive.close();
    }
  };
  return {
    async positions(journal, journalEnd) {
      return (await claim({ owner: ownerOf(journal) }, journalEnd)).positions;
    },
    async handOver({ from, fromEnd, to, positions, onlyIfHeld = false }) {
      const owner = await ownerNow();
      if (owner === to || (onlyIfHeld && owner !== from)) return;
      // First as before: somebody may have gone on in it since, and is told from us.
      await claim({ owner: ownerOf(from) }, fromEnd);
      const claimed = Object.fromEntries(positions.entries());
      await claim({ owner: ownerOf(to), takeOver: true, positions: claimed }, fromEnd);
    },
  };
}
