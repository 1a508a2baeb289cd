import test from 'ava';
import { claimGuard } from '../../../actors/archiver/claim-guard.ts';
import { EMPTY_MANIFEST } from '../../../storage/archive/manifest.ts';
import type { OwnCommits } from '../../../storage/archive/own-commits.ts';

const URL = 'file:///archive';

/** Of a data folder that has made version 3 there. */
function guardOf(url: string) {
  const commits: OwnCommits = {
    made: { url: URL, version: 3, commit: 'c' },
    isOwn: () => true,
    remember: async () => undefined,
    confirm: async () => undefined,
    leftOut: [],
    leaveOut: async () => undefined,
  };
  return claimGuard({ commits, logEnd: () => 0, url });
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
