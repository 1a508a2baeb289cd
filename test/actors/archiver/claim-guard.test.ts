import test from 'ava';
import { claimGuard } from '../../../actors/archiver/claim-guard.ts';
import { EMPTY_MANIFEST, type ManifestVersion } from '../../../storage/archive/manifest.ts';
import type { OwnCommits } from '../../../storage/archive/own-commits.ts';

const URL = 'file:///archive';

/** Of a data folder that has made version 3 there. */
function guardOf(url: string, more: { isOneLine?: boolean; own?: boolean; end?: number } = {}) {
  const { isOneLine = false, own = true, end = 0 } = more;
  const commits: OwnCommits = {
    made: { url: URL, version: 3, commit: 'c' },
    isOwn: () => own,
    remember: async () => undefined,
    confirm: async () => undefined,
    leftOut: [],
    leaveOut: async () => undefined,
  };
  return claimGuard({ commits, logEnd: () => end, url, isOneLine });
}

const at = (version: number) => ({ ...EMPTY_MANIFEST, version });

test('an archive that is empty, or older than what was archived, is not gone on with', (t) => {
  const guard = guardOf(URL);
  const code = 'archive_unavailable';
  const empty = t.throws(() => guard.judge(at(0), undefined), { code });
  t.regex(empty?.message ?? '', /should hold version 3.* it is empty or not there: mount it/);
  const older = t.throws(() => guard.judge(at(2), undefined), { code });
  t.regex(older?.message ?? '', /it ends with version 2: .* remove archive-commits\.json/);
  t.notThrows(() => guard.judge(at(3), undefined));
  t.notThrows(() => guard.judge(at(4), undefined));
});

test('an archive at another place may be new', (t) => {
  t.notThrows(() => guardOf('file:///elsewhere').judge(at(0), undefined));
});

/** By another server with the same log. */
const newest: ManifestVersion = {
  format: 1,
  ...{ version: 4, commit: 'of another', epoch: 2, atMs: 0, change: 'segments' },
  owner: { journal: 'log', host: 'other', pid: 7 },
  ...{ positions: { 0: 10 }, add: [], remove: [], deleted: [], schemas: [] },
};
const archivedTo10 = { ...at(4), positions: new Map([[0, 10]]) };

test('over a topic a server goes on where another one has archived, and with a journal it does not', (t) => {
  const own = false;
  t.throws(() => guardOf(URL, { own, end: 10 }).judge(archivedTo10, newest), {
    code: 'archive_foreign',
  });
  t.notThrows(() => guardOf(URL, { own, end: 10, isOneLine: true }).judge(archivedTo10, newest));
});

test('a topic that ends before its archive has lost its end: nothing is archived on top of it', (t) => {
  t.throws(() => guardOf(URL, { end: 9, isOneLine: true }).judge(archivedTo10, newest), {
    code: 'log_truncated',
  });
});
