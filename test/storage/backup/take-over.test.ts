import test from 'ava';
import { ManifestStore } from '../../../storage/archive/manifest-store.ts';
import type { BackupRecord } from '../../../storage/backup/backup-record.ts';
import { planTakeOver } from '../../../storage/backup/take-over.ts';
import { MemoryArchive } from '../archive/memory-archive.ts';
import { silent } from '../archive/silent.ts';
import { fileOf, ownerOf } from '../archive/versions.ts';

const RECORD: BackupRecord = {
  ...{ format: 1, server: '0', startedMs: 0, endedMs: 0, journal: 'j', partitions: 1 },
  ...{ position: 800, archive: { url: 'elsewhere' }, files: [] },
};

/** With everything before `archivedTo` in it. */
async function archiveOf(journal: string, archivedTo: number) {
  const clock = { now: () => 1 };
  const archive = new MemoryArchive({ clock });
  const store = new ManifestStore({ archive, clock, log: silent, settle: async () => undefined });
  await store.claim({ owner: ownerOf(journal) });
  const nothing = { remove: [], deleted: [], schemas: [] };
  const add = [fileOf(0, 0, archivedTo)];
  await store.commit(() => ({ ...nothing, change: 'segments', positions: { 0: archivedTo }, add }));
  return archive;
}

test('the log goes on behind the backup and behind everything that is archived', async (t) => {
  for (const [archivedTo, goesOnAt] of [
    [400, 800],
    [800, 800],
    [4_000, 4_000],
  ] as const) {
    const plan = await planTakeOver(await archiveOf('j', archivedTo), RECORD, silent);
    t.like(plan, { goesOnAt, version: 2 });
  }
});

test('there is nothing to take over where the archive is in the backup, or there is none', async (t) => {
  const archive = await archiveOf('j', 400);
  const { archive: _, ...without } = RECORD;
  const within = { ...RECORD, archive: { url: 'here', version: 1, folder: 'archive' } };
  for (const record of [without, within]) {
    const error = await t.throwsAsync(planTakeOver(archive, record, silent), {
      code: 'backup_invalid',
    });
    t.regex(error?.message ?? '', /restore without --take-over/);
  }
  const empty = new MemoryArchive({ clock: { now: () => 1 } });
  await t.throwsAsync(planTakeOver(empty, RECORD, silent), { code: 'backup_invalid' });
});

test('the archive of another log is not taken over', async (t) => {
  const archive = await archiveOf('another', 400);
  const error = await t.throwsAsync(planTakeOver(archive, RECORD, silent), {
    code: 'archive_foreign',
  });
  t.regex(error?.message ?? '', /it is not the archive of this backup/);
});
