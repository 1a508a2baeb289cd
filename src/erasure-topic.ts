/**
 * Erasures where the log is a topic, in which nobody can erase: all that lies before one is brought into the archive and erased there.
 * The copies in the topic go when brokers delete them, and nothing of the server reads them any more.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { logEnd, logStart } from '../storage/log/log-shared.ts';
import { attachSpoolShared, readSpool } from '../storage/spool/spool-shared.ts';
import type { ArchiveSide } from './archive-side.ts';
import type { Foundation } from './foundation.ts';
import { type Erasure, offsetIn } from './model/erasure.ts';
import { AppError } from './model/errors.ts';
import { MINUTE_MS } from './model/units.ts';

/** Brokers delete whole segments: of a topic that we make, an eighth of the retention later, and they look every five minutes. */
const SEGMENT_PART = 1 / 8;
const LOOK_MS = 5 * MINUTE_MS;
/** Partitions publish what is archived a moment after it was. */
const ARCHIVED_LOOK_MS = 100;
const ARCHIVED_LOOKS_MAX = 20;

export class TopicErasures {
  readonly #base: Foundation;

  constructor(base: Foundation) {
    this.#base = base;
  }

  /** Per partition where the log ends. Rejects with `query_overload` while some of what was acknowledged is not in it. */
  before(): number[] {
    const { shared, spool } = this.#base;
    const waiting = spool && readSpool(attachSpoolShared(spool.numbers));
    const ends = Array.from(shared.applied, (_, partition) => logEnd(shared, partition));
    const isAllThere = ends.every((end) => end !== undefined);
    if (!isAllThere || (waiting?.waiting.blocks ?? 0) > 0 || waiting?.spooling !== undefined) {
      throw new AppError(
        'query_overload',
        'events wait in the spool for the topic, and what is erased is what the log holds: ask again when it is empty',
      );
    }
    return ends.map((end) => end ?? 0);
  }

  /** Rejects with `archive_unavailable` if not all that lies before the erasure is in the archive now. */
  async archiveAll(archive: ArchiveSide, { before }: Erasure): Promise<void> {
    const { archived } = this.#base.progress;
    const isArchived = () => archived.every((to, partition) => to >= offsetIn(before, partition));
    if (isArchived()) return;
    await archive.archiveNow();
    for (let looks = 0; looks < ARCHIVED_LOOKS_MAX && !isArchived(); looks++) {
      await sleep(ARCHIVED_LOOK_MS);
    }
    if (isArchived()) return;
    throw new AppError('archive_unavailable', 'not all of the log is archived yet');
  }

  /** Brokers have deleted all of the topic that lies before the erasure, and no checkpoint has dead letters from before it. */
  isGone({ before, finishedMs }: Erasure): boolean {
    const { shared, checkpoints } = this.#base;
    const isLeft = shared.applied.some((_, p) => logStart(shared, p) < offsetIn(before, p));
    if (isLeft || checkpoints === undefined) return !isLeft;
    const oldestMs = checkpoints.numbers().oldestKeptMs ?? Number.NEGATIVE_INFINITY;
    return oldestMs > (finishedMs ?? Number.POSITIVE_INFINITY);
  }

  /** When brokers will have, at the latest, by what is known of the topic. Undefined: it keeps everything, or nobody tells. */
  goneByMs({ requestedMs }: Erasure): number | undefined {
    const retentionMs = this.#base.topic?.found?.retentionMs;
    if (retentionMs === undefined) return undefined;
    return Math.ceil(requestedMs + retentionMs * (1 + SEGMENT_PART) + LOOK_MS);
  }
}
