import test from 'ava';
import {
  hourFolder,
  rewrittenFolder,
  rewrittenPath,
  segmentPath,
} from '../../../storage/archive/segment-path.ts';

const HOUR = { tenant: 'acme', stream: 'web/ä', hourMs: Date.parse('2026-11-21T09:00:00Z') };
const RANGE = { from: 251_658_240, to: 268_412_928 };

test('names are those that storage/FORMAT.md draws', (t) => {
  const folder = hourFolder(HOUR);
  t.is(folder, 'tenant=acme/stream=web%2F%C3%A4/dt=2026-11-21/hour=09');
  t.is(
    segmentPath({ folder, partition: 3, epoch: 4, ...RANGE }),
    `${folder}/p3-00000000000251658240-00000000000268412928-e4.parquet`,
  );
  const rewritten = rewrittenFolder(HOUR, 137);
  t.is(rewritten, `${folder}-c137`);
  t.is(
    rewrittenPath(rewritten, 2, RANGE),
    `${folder}-c137/c2-00000000000251658240-00000000000268412928.parquet`,
  );
});

test('equal positions of a log that took the archive over have other names', (t) => {
  const place = { folder: hourFolder(HOUR), partition: 0, ...RANGE };
  t.not(segmentPath({ ...place, epoch: 4 }), segmentPath({ ...place, epoch: 5 }));
});
