/** Where segments go, and when. What a key of a kind of archive means is for `storage/archive` to say. */
import type { z } from 'zod';
import { bytes, DAY_MS, durationMs, HOUR_MS, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { hive } from './hive.ts';
import { milliseconds, name, scalar, size, streamName, text, yes } from './scalars.ts';
import type { Path } from './settings.ts';
import { group, list } from './shapes.ts';
import { valueAt } from './sources.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** HDFS, by WebHDFS. */
const webhdfs = group({
  /** All NameNodes: the active one is found. */
  namenodes: list(
    scalar('an address such as "http://namenode:9870", without a path', (raw) =>
      typeof raw === 'string' && isNameNode(raw) ? raw : undefined,
    ),
    16,
  ).min(1, { error: 'expected at least one address' }),
  /** The archive's folder in HDFS. */
  dir: text('an absolute path in HDFS'),
  /** What Hive and Spark call this HDFS. */
  defaultFs: text('the value of fs.defaultFS, such as "hdfs://namenode:8020"', 2_048),
  /** At most one of these three. With `user`, and without any, HDFS takes everybody at their word. */
  user: text('the name of a user', 255).optional(),
  /** A file that holds a delegation token. Read again when it changes. */
  delegationFile: text('the path of a file').optional(),
  /** A file that holds the value of an `Authorization` header, such as a Kerberos ticket's. As `delegationFile`. */
  authorizationFile: text('the path of a file').optional(),
  /** Certificates (PEM) to trust instead of the usual ones. */
  caFile: text('the path of a PEM file').optional(),
});

/** S3, or what speaks its language. */
const s3 = group({
  bucket: text('the name of a bucket', 255),
  /** What all keys begin with. */
  prefix: text('a text that keys begin with', 512).optional(),
  region: text('the name of a region', 64).optional(),
  /** Of a server that is not AWS. */
  endpoint: text('an address such as "https://minio.example:9000"', 2_048).optional(),
  /** The bucket in the path, as most servers that are not AWS need it. */
  forcePathStyle: yes.default(false),
  /** Certificates (PEM) to trust instead of the usual ones. */
  caFile: text('the path of a PEM file').optional(),
  /** Both or neither. Without them: what AWS's own tools would use (environment, profile, role of the machine). */
  accessKeyId: text('the id of a key', 255).optional(),
  secretAccessKey: text('the secret of that key', 255).optional(),
});

const cut = group({
  /** Log bytes that make a cut. Larger makes fewer and larger files, and takes longer from the log into the archive. */
  bytesMax: size(1 * MiB, 16 * GiB).default(bytes(256 * MiB)),
  /** What came in this long ago is cut, however little it is. Smaller makes more and smaller files. */
  ageMaxMs: milliseconds(SECOND_MS, DAY_MS).default(durationMs(10 * MINUTE_MS)),
});

const compact = group({
  /** Hours that are over become few large files. Without it each has a file for every partition and cut, for good. */
  enabled: yes.default(true),
  /** About what each file has in the end. Larger means fewer files, and more work on the local disk for each. */
  fileBytes: size(1 * MiB, 4 * GiB).default(bytes(256 * MiB)),
  /** Behind the end of an hour and `cut.ageMaxMs`. Smaller compacts an hour again when events come late. */
  afterMs: milliseconds(SECOND_MS, 7 * DAY_MS).default(durationMs(15 * MINUTE_MS)),
});

const KEPT_MS_MAX = 100 * 365 * DAY_MS;
/** From the end of the hour in which events arrived. Without it: for good. */
const keepMs = milliseconds(HOUR_MS, KEPT_MS_MAX).optional();

const retention = group({
  keepMs,
  /** The first that fits a stream stands in for `keepMs`; one without it keeps the stream for good. */
  overrides: list(
    group({
      /** Without it: any. */
      tenant: name('a tenant').optional(),
      stream: streamName.optional(),
      keepMs,
    }),
    1_000,
  ).default([]),
});

export const archive = group({
  /** Without an archive events are forgotten with the log; aggregates stay. */
  enabled: yes.default(true),
  /** A directory, of this machine or mounted. By default `archive` in the data folder. */
  local: group({ dir: text('the path of a folder') }).optional(),
  webhdfs: webhdfs.optional(),
  s3: s3.optional(),
  hive: hive.optional(),
  cut: cut.prefault({}),
  compact: compact.prefault({}),
  retention: retention.prefault({}),
  /** Files that were compacted away or are too old are deleted so much later: somebody may be reading them. */
  removedKeptMs: milliseconds(SECOND_MS, 30 * DAY_MS).default(durationMs(10 * MINUTE_MS)),
  /** What DuckDB may take while it seals segments; past it it spills to the data folder. */
  memoryBytesMax: size(64 * MiB, 64 * GiB).default(bytes(256 * MiB)),
});
type Archive = z.output<typeof archive>;

interface ArchiveConflict {
  readonly path: Path;
  readonly message: string;
}

/** Rules about what is there, whatever it says: they are told beside values that are wrong. Paths begin at the group. */
export function placeConflicts(valueAt: (path: Path) => unknown): ArchiveConflict[] {
  const isThere = (...path: string[]) => valueAt(path) !== undefined;
  const [first, ...others] = ['local', 'webhdfs', 's3'].filter((kind) => isThere(kind));
  const conflicts = others.map((kind) => ({
    path: [kind],
    message: `expected one of "local", "webhdfs" and "s3", there is "${first}" already`,
  }));
  if (isThere('s3', 'accessKeyId') === isThere('s3', 'secretAccessKey')) return conflicts;
  const message = 'expected both of "accessKeyId" and "secretAccessKey", or neither';
  return [...conflicts, { path: ['s3'], message }];
}

/** Rules between its settings. */
export function archiveConflicts(archive: Archive): ArchiveConflict[] {
  const { webhdfs, hive } = archive;
  const conflicts = placeConflicts((path) => valueAt(archive, path));
  if (webhdfs !== undefined) {
    const { user, delegationFile, authorizationFile } = webhdfs;
    const given = [user, delegationFile, authorizationFile].filter((way) => way !== undefined);
    if (given.length > 1) {
      const message =
        'expected at most one of "user", "delegationFile" and "authorizationFile": each says who we are';
      conflicts.push({ path: ['webhdfs'], message });
    }
  }
  if (hive?.auth === 'nosasl' && hive.password !== undefined) {
    const message = 'expected none with "auth: nosasl": it would be sent to nobody';
    conflicts.push({ path: ['hive', 'password'], message });
  }
  return conflicts;
}

function isNameNode(address: string): boolean {
  if (!URL.canParse(address)) return false;
  const { protocol, pathname, search, username } = new URL(address);
  const isPlain = pathname === '/' && search === '' && username === '';
  return isPlain && (protocol === 'http:' || protocol === 'https:');
}
