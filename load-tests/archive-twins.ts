/**
 * Two servers that both believe to own the archive: somebody has copied a data folder, and started both. One goes on to archive. The
 * other says that it was overtaken, takes events as before, and keeps every one of them in its log.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { OWN_COMMITS_FILE } from '../storage/archive/own-commits.ts';
import {
  ARCHIVE_LOAD,
  ARCHIVE_LOAD_VARIATION,
  verifyArchive,
  verifyServer,
} from './archive-crash-loop.ts';
import { ArchiveSite, REMOVED_KEPT_MS } from './archive-site.ts';
import { ArchiveWatch, demand } from './archive-watch.ts';
import { Generator } from './generator.ts';
import { loadOptions } from './load-case.ts';
import { addTruths, type Truth } from './truth.ts';

const LOAD_MS = 1_500;
const FEEDS_MAX = 40;
const TOLD_MS_MAX = 60_000;
const POLL_MS = 100;
const TOLD_IN_LOG = 'another server has claimed the archive';

interface Twin {
  readonly site: ArchiveSite;
  readonly generator: Generator;
}

export interface TwinsReport {
  /** Events that were taken before the copy, and by each after it. */
  readonly common: number;
  readonly owner: number;
  readonly fenced: number;
}

/** Rejects with a `Finding`, or with what kept it from looking for one. */
export async function archiveTwins(): Promise<TwinsReport> {
  const site = await ArchiveSite.prepare();
  const copy = await ArchiveSite.prepare({ archiveDir: site.archiveDir });
  const first: Twin = { site, generator: new Generator() };
  const second: Twin = { site: copy, generator: new Generator() };
  const watch = await ArchiveWatch.open(site.archiveDir, REMOVED_KEPT_MS);
  try {
    watch.begin();
    await site.start();
    await prepare(first, 1);
    const common = await feed(first);
    await verifyArchive(site.server, common, watch);
    await site.server.stop();
    const withoutArchive = (path: string) => path !== site.archiveDir;
    cpSync(site.dataDir, copy.dataDir, { recursive: true, filter: withoutArchive });
    // Else the copy would be told from the original, and would not claim: as of a release that does not keep this.
    for (const { dataDir } of [site, copy]) rmSync(join(dataDir, OWN_COMMITS_FILE));
    const apartFrom = watch.archivedTo;

    // While their logs still say the same. One after the other: of two that claim at once one is told that the other has, and goes no further.
    for (const each of [site, copy]) {
      await each.start();
      await each.server.query('mutation { archiveNow { rows } }');
    }
    await prepare(second, 2);
    await Promise.all([feed(first), feed(second)]);
    const [fenced, owner] = await told(first, second);
    // Else that a log is kept would say nothing.
    const isShortened = () => owner.site.logStart > apartFrom;
    const [ofFirst, apart] = await feedUntil(first, second, isShortened);
    const ofSecond = addTruths(common, apart);
    await Promise.all([verifyServer(site, ofFirst), verifyServer(copy, ofSecond)]);
    const [ofOwner, ofFenced] = owner === first ? [ofFirst, ofSecond] : [ofSecond, ofFirst];
    await verifyArchive(owner.site.server, ofOwner, watch);
    const archived = await watch.readWhole();
    demand(archived === ofOwner.events, `${archived} events are archived, not ${ofOwner.events}`);
    const { logStart } = fenced.site;
    demand(logStart <= apartFrom, `the fenced server's log begins at ${logStart}`);
    const total = common.events;
    return { common: total, owner: ofOwner.events - total, fenced: ofFenced.events - total };
  } finally {
    for (const { generator } of [first, second]) generator.close();
    await watch.close();
    await Promise.all([site.clear(), copy.clear()]);
  }
}

async function prepare({ site, generator }: Twin, source: number): Promise<void> {
  const options = loadOptions(ARCHIVE_LOAD, site.server, { ...ARCHIVE_LOAD_VARIATION, source });
  await generator.ask({ type: 'prepare', options });
}

/** Answers all that this generator has sent so far: all of it is acknowledged. */
async function feed({ generator }: Twin): Promise<Truth> {
  await generator.ask({ type: 'resume' });
  await sleep(LOAD_MS);
  await generator.ask({ type: 'drain' });
  return generator.ask({ type: 'truth' });
}

async function feedUntil(
  first: Twin,
  second: Twin,
  isEnough: () => boolean,
): Promise<[Truth, Truth]> {
  for (let round = 0; round < FEEDS_MAX; round++) {
    const truths = await Promise.all([feed(first), feed(second)]);
    if (isEnough()) return truths;
  }
  throw new Error("expected the owner's log to be shortened");
}

/** Which one is fenced, and which one is not. It must say so to everybody who may look. */
async function told(first: Twin, second: Twin): Promise<[Twin, Twin]> {
  const deadline = performance.now() + TOLD_MS_MAX;
  for (;;) {
    const [a, b] = await Promise.all([isFenced(first), isFenced(second)]);
    demand(!(a && b), 'both servers are fenced: nobody archives');
    if (a || b) {
      const [fenced, owner] = a ? [first, second] : [second, first];
      const { server } = fenced.site;
      demand((await server.metric('streamgauge_archive_fenced')) === 1, 'no metric says "fenced"');
      demand(server.log().includes(TOLD_IN_LOG), 'the log of the server does not say "fenced"');
      demand(!owner.site.server.log().includes(TOLD_IN_LOG), 'both servers say "fenced"');
      return [fenced, owner];
    }
    demand(performance.now() < deadline, 'two servers archive, and neither has noticed');
    await sleep(POLL_MS);
  }
}

async function isFenced({ site }: Twin): Promise<boolean> {
  const { archive } = await site.server.query<{ archive: { fenced: boolean } }>(
    '{ archive { fenced } }',
  );
  return archive.fenced;
}
