/** Compares an archive with its manifest, file by file and event by event. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Archive } from '../../storage/archive/archive.ts';
import type { Manifest, SegmentFile } from '../../storage/archive/manifest.ts';
import { hourFolder, streamFolder } from '../../storage/archive/segment-path.ts';
import { type Duck, openDuck } from '../../storage/segments/duckdb.ts';
import { literal } from '../../storage/segments/segment-columns.ts';

export interface Finding {
  readonly path: string;
  readonly problem: string;
}

const MEMORY_BYTES = 512 * 2 ** 20;

/**
 * Reads every file. `folder` is empty, and holds one hour's files of one stream at a time; `reload` answers the newest
 * manifest.
 */
export async function verifyArchive(
  archive: Archive,
  manifest: Manifest,
  reload: () => Promise<Manifest>,
  folder: string,
): Promise<Finding[]> {
  const duck = await openDuck({
    threads: 2,
    memoryBytesMax: MEMORY_BYTES,
    tempDir: join(folder, 'duckdb'),
    folders: [folder],
  });
  try {
    const findings: Finding[] = [];
    for (const files of byHour(manifest).values()) {
      findings.push(...(await verifyHour(archive, files, folder, duck)));
    }
    findings.push(...(await strayFiles(archive, manifest)));
    return findings.length === 0 ? [] : withoutOutdated(findings, manifest, await reload());
  } finally {
    duck.close();
  }
}

function byHour({ files }: Manifest): Map<string, SegmentFile[]> {
  const hours = new Map<string, SegmentFile[]>();
  for (const file of files.values()) {
    const key = hourFolder(file);
    const found = hours.get(key);
    if (found === undefined) hours.set(key, [file]);
    else found.push(file);
  }
  return hours;
}

/** A server goes on meanwhile: it has deleted files that were replaced before, and put new ones. */
const withoutOutdated = (findings: readonly Finding[], then: Manifest, now: Manifest): Finding[] =>
  findings.filter(
    ({ path }) => then.files.has(path) === now.files.has(path) && !now.removed.has(path),
  );

async function verifyHour(
  archive: Archive,
  files: readonly SegmentFile[],
  folder: string,
  duck: Duck,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const local: string[] = [];
  for (const [i, file] of files.entries()) {
    const path = join(folder, `${i}.parquet`);
    try {
      await archive.fetch(file.path, path);
      local.push(path);
      findings.push(...(await verifyFile(duck, file, path)));
    } catch (error) {
      findings.push({ path: file.path, problem: String(error) });
    }
  }
  if (findings.length === 0) findings.push(...(await doubles(duck, files, local)));
  for (const path of local) await rm(path);
  return findings;
}

async function verifyFile(duck: Duck, file: SegmentFile, local: string): Promise<Finding[]> {
  const { path, rows, from, to, partition, tsMinMs, tsMaxMs, aheadMaxMs = 'inf' } = file;
  const owner = partition === undefined ? 'false' : `_partition <> ${partition}`;
  const [seen] = await duck.rows(
    `SELECT count(*)::DOUBLE AS rows, epoch_ms(min(ts))::DOUBLE AS "tsMinMs",
        epoch_ms(max(ts))::DOUBLE AS "tsMaxMs",
        count(*) FILTER (_position < ${from} OR _position >= ${to} OR ${owner})::DOUBLE AS foreign,
        count(*) FILTER (epoch_ms(ts) - epoch_ms(_arrival) > '${aheadMaxMs}'::DOUBLE)::DOUBLE AS "tooFarAhead"
      FROM read_parquet(${literal(local)}, hive_partitioning = false)`,
  );
  const expected = { rows, tsMinMs, tsMaxMs, foreign: 0, tooFarAhead: 0 };
  return Object.entries(expected)
    .filter(([name, value]) => seen?.[name] !== value)
    .map(([name, value]) => ({
      path,
      problem: `expected ${name} ${value}, found ${String(seen?.[name])}`,
    }));
}

/** An event is named by its place in the log: one that two files hold would count twice. */
async function doubles(
  duck: Duck,
  files: readonly SegmentFile[],
  local: readonly string[],
): Promise<Finding[]> {
  const all = `read_parquet([${local.map(literal).join(', ')}], hive_partitioning = false)`;
  const [row] = await duck.rows(
    `SELECT (count(*) - count(DISTINCT (_partition, _position, _row)))::DOUBLE AS double FROM ${all}`,
  );
  const count = Number(row?.['double']);
  const [first] = files;
  if (count === 0 || first === undefined) return [];
  return [{ path: hourFolder(first), problem: `${count} events are in more than one file` }];
}

/** Files that readers of the streams' folders see, though no version names them. */
async function strayFiles(
  archive: Archive,
  { files, removed, schemas }: Manifest,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const schema of schemas.values()) {
    const stream = streamFolder(schema);
    for (const day of await archive.list(stream)) {
      for (const hour of await archive.list(`${stream}/${day.name}`)) {
        const folder = `${stream}/${day.name}/${hour.name}`;
        for (const { name } of await archive.list(folder)) {
          const path = `${folder}/${name}`;
          if (files.has(path) || removed.has(path)) continue;
          findings.push({ path, problem: 'no version of the manifest names this file' });
        }
      }
    }
  }
  return findings;
}
