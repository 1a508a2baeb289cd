/** An archive in a folder, with segments of real rows, and the hours of its manifest. Time stands unless it is moved. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { Hours } from '../../../actors/archiver/hours.ts';
import { HOUR_MS } from '../../../src/model/units.ts';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import { SegmentCommitter } from '../../../storage/archive/segment-commit.ts';
import { segmentPath } from '../../../storage/archive/segment-path.ts';
import { openDuck } from '../../../storage/segments/duckdb.ts';
import { literal } from '../../../storage/segments/segment-columns.ts';
import { silent } from '../../storage/archive/silent.ts';

export const START_MS = Date.parse('2026-11-21T08:00:00Z');
export const SHOP = { tenant: 'default', stream: 'shop' };

export async function archiveScene(t: ExecutionContext) {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-archiver-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  await beginLocalArchive(join(dir, 'archive'));
  const archive = openLocalArchive(join(dir, 'archive'));
  const clock = { ms: START_MS, now: () => clock.ms };
  const owner = { journal: 'j', host: 'h', pid: 1 };
  const committer = await SegmentCommitter.open({
    ...{ archive, owner, clock, log: silent },
    sleep: async () => undefined,
  });
  const hours = new Hours(committer, clock);
  const duckOf = () =>
    openDuck({
      threads: 1,
      memoryBytesMax: 128 * 2 ** 20,
      tempDir: join(dir, 'duckdb'),
      folders: [dir],
    });
  let end = 0;

  /** A segment of so many rows in the `hour`-th hour after the start. */
  async function cut(
    hour: number,
    rows: number,
    partition = 0,
    aheadMaxMs?: number,
  ): Promise<void> {
    const place = { ...SHOP, hourMs: START_MS + hour * HOUR_MS };
    const range = { partition, from: end, to: end + 100 };
    end += 100;
    const localPath = join(dir, 'new.parquet');
    const duck = await duckOf();
    await duck.rows(
      `COPY (SELECT 'e' || ${range.from} || '-' || i AS id, make_timestamp_ms(${place.hourMs} + i) AS ts,
          'look' AS type, NULL::MAP(VARCHAR, VARCHAR) AS more, ts AS _arrival,
          ${partition}::INTEGER AS _partition, ${range.from}::BIGINT AS _position, i::INTEGER AS _row
        FROM range(${rows}) r(i)) TO ${literal(localPath)} (FORMAT parquet)`,
    );
    duck.close();
    const { epoch } = committer.next;
    const path = segmentPath({ ...range, folder: hours.folderFor(place), epoch });
    const times = { tsMinMs: place.hourMs, tsMaxMs: place.hourMs + rows - 1 };
    const ahead = aheadMaxMs === undefined ? {} : { aheadMaxMs };
    const file = {
      path,
      ...place,
      ...range,
      rows,
      bytes: rows * 10,
      ...times,
      ...ahead,
      schema: 1,
    };
    const schemas = hours.manifest.schemas.size > 0 ? [] : [{ ...SHOP, version: 1, columns: [] }];
    await hours.commit({
      positions: new Map([[partition, range.to]]),
      files: [{ file, localPath }],
      schemas,
    });
  }

  /** Rows, and rows that differ, of the files that the manifest names. */
  async function counted(): Promise<{ readonly rows: number; readonly places: number }> {
    const paths = [...hours.manifest.files.keys()].map((path) => join(dir, 'archive', path));
    const duck = await duckOf();
    const [found] = await duck.rows(
      `SELECT count(*)::INT AS rows, count(DISTINCT (_partition, _position, _row))::INT AS places
        FROM read_parquet([${paths.map(literal).join()}], union_by_name = true)`,
    );
    duck.close();
    return { rows: Number(found?.['rows']), places: Number(found?.['places']) };
  }

  /** What can be seen in the folders of hours. */
  const visible = async (): Promise<string[]> =>
    (
      await readdir(join(dir, 'archive', 'tenant=default'), {
        recursive: true,
        withFileTypes: true,
      })
    )
      .filter((entry) => entry.isFile())
      .map(({ name, parentPath }) => `${parentPath.split('/').at(-1)}/${name}`)
      .sort();

  const abort = new AbortController();
  const tools = {
    hours,
    openDuck: duckOf,
    workDir: dir,
    diskReserveBytes: 0,
    signal: abort.signal,
  };
  return { dir, archive, clock, committer, hours, tools, cut, counted, visible, abort };
}

/** Names of folders and files of the manifest, without what all have in common. */
export const namesOf = (hours: Hours): string[] =>
  [...hours.manifest.files.keys()].map((path) => path.split('/').slice(-2).join('/')).sort();
