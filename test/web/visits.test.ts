import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { DailySalt } from '../../src/web/salt.ts';
import { Visits } from '../../src/web/visits.ts';
import { hitOf } from './hits.ts';

const DAY_MS = 86_400_000;
const NOON_MS = 20_000.5 * DAY_MS;

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-web-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Visits as a server's next life makes them of the same folder. */
function visitsAt(folder: string, nowMs = NOON_MS) {
  const onUnwritten = (error: unknown) => {
    throw error;
  };
  const clock = { now: () => nowMs };
  return new Visits(new DailySalt({ file: join(folder, 'salt'), onUnwritten }), clock);
}

test('a visitor is who comes from the same network with the same agent to the same tenant', (t) => {
  const visits = visitsAt(folderOf(t));
  const visitorOf = (more: object) => visits.fieldsOf(hitOf(more)).visitor;
  const visitor = visitorOf({});
  t.regex(visitor ?? '', /^[\w-]{11}$/);
  t.is(visitorOf({ query: 'path=/other', stream: 'other' }), visitor);
  for (const other of [{ network: '198.51.100.0' }, { agent: 'curl/8' }, { tenant: 'other' }]) {
    t.not(visitorOf(other), visitor);
  }
});

test('who does not want to be known has no id, and the rest of the fields', (t) => {
  const fields = visitsAt(folderOf(t)).fieldsOf(hitOf({ isPrivate: true }));
  t.false('visitor' in fields);
  t.like(fields, { browser: 'Firefox', os: 'Linux', bot: false });
});

test('a visitor stays the same over a restart, and is another one on the next day', (t) => {
  const folder = folderOf(t);
  const today = visitsAt(folder).fieldsOf(hitOf()).visitor;
  t.is(visitsAt(folder, NOON_MS + DAY_MS / 2 - 1).fieldsOf(hitOf()).visitor, today);
  t.not(visitsAt(folder, NOON_MS + DAY_MS / 2).fieldsOf(hitOf()).visitor, today);
  // The salt that could lead back is gone.
  t.not(visitsAt(folder).fieldsOf(hitOf()).visitor, today);
});

test('the file of the salt has one day, and is for its owner alone', (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'salt');
  visitsAt(folder).fieldsOf(hitOf());
  visitsAt(folder, NOON_MS + DAY_MS).fieldsOf(hitOf());
  t.regex(readFileSync(file, 'utf8'), /^20001 [0-9a-f]{64}\n$/);
  t.is(statSync(file).mode & 0o777, 0o600);
});

test('a salt that is not whole is made anew; one that cannot be written serves until the restart', (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'salt'), '20000 abc');
  t.regex(visitsAt(folder).fieldsOf(hitOf()).visitor ?? '', /^[\w-]{11}$/);
  const troubles: unknown[] = [];
  const salt = new DailySalt({
    file: join(folder, 'missing', 'salt'),
    onUnwritten: (error) => troubles.push(error),
  });
  t.is(salt.at(NOON_MS), salt.at(NOON_MS + 1));
  t.is(troubles.length, 1);
});

test('hits become one event each, by stream, placed by their visitor', (t) => {
  const visits = visitsAt(folderOf(t));
  const hits = [
    hitOf({ query: 'path=/a' }),
    hitOf({ query: 'path=/b', stream: 'other' }),
    hitOf({ query: 'path=/c&bot=true&browser=Mine&visitor=me', arrivalMs: 2_000 }),
  ];
  const lines = visits.linesOf(hits);
  t.deepEqual(
    lines.map(({ stream, hits }) => [stream, hits]),
    [
      ['events', 2],
      ['other', 1],
    ],
  );
  const [first, second] = (lines[0]?.ndjson ?? '').split('\n').map((line) => JSON.parse(line));
  const { visitor } = visits.fieldsOf(hitOf());
  t.like(first, { ts: 1_000, type: 'page_view', path: '/a', visitor, key: visitor });
  t.like(second, { ts: 2_000, path: '/c', bot: false, browser: 'Firefox', visitor, key: visitor });
});
