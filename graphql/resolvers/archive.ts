/** The archive: how far it is, what it holds, and being told to hurry. */
import { AppError } from '../../src/model/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../../src/model/units.ts';
import type {
  ArchivePort,
  ArchiverNumbers,
  ArchiveView,
  SegmentPage,
} from '../../src/query/archive-port.ts';
import { demandScope } from '../authorize.ts';
import type { GraphContext } from '../context.ts';
import type { Maybe } from './arguments.ts';

/** A page of this many is some 150 KB. */
const SEGMENTS_PAGE_MAX = 500;
/** Each is a file that is read. */
const VERSIONS_PAGE_MAX = 200;

export async function archive(
  _: unknown,
  __: unknown,
  { services }: GraphContext,
): Promise<object | null> {
  const { archive: port } = services;
  return port === undefined ? null : shown(await port.view());
}

export async function segments(
  _: unknown,
  args: {
    readonly stream?: Maybe<string>;
    readonly from?: Maybe<number>;
    readonly to?: Maybe<number>;
    readonly first: number;
    readonly after?: Maybe<string>;
  },
  { access, services }: GraphContext,
): Promise<object> {
  const { first } = args;
  if (!(first >= 1 && first <= SEGMENTS_PAGE_MAX)) {
    throw new AppError(
      'query_invalid',
      `"first" must be 1 to ${SEGMENTS_PAGE_MAX}, received ${first}`,
    );
  }
  const page = await archiveOf(services).segments({
    tenant: access.tenant,
    stream: args.stream ?? undefined,
    fromMs: args.from ?? EPOCH_MS_MIN,
    toMs: args.to ?? EPOCH_MS_MAX,
    first,
    after: args.after ?? undefined,
  });
  return shownPage(page);
}

export async function manifest(
  _: unknown,
  { first, before }: { readonly first: number; readonly before?: Maybe<number> },
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  if (!(first >= 1 && first <= VERSIONS_PAGE_MAX)) {
    throw new AppError(
      'query_invalid',
      `"first" must be 1 to ${VERSIONS_PAGE_MAX}, received ${first}`,
    );
  }
  const page = await archiveOf(services).history({ first, before: before ?? undefined });
  const { versions, hasMore, ...rest } = page;
  return {
    ...rest,
    versions: versions.map(({ atMs, ...version }) => ({ ...version, at: atMs })),
    nextBefore: hasMore ? versions.at(-1)?.version : null,
  };
}

export async function archiveNow(
  _: unknown,
  { compact }: { readonly compact: boolean },
  { access, services }: GraphContext,
): Promise<object> {
  demandScope(access, 'admin');
  const port = archiveOf(services);
  const numbers = await port.archiveNow(compact);
  return shown({ ...(await port.view()), numbers });
}

function archiveOf({ archive }: GraphContext['services']): ArchivePort {
  if (archive !== undefined) return archive;
  throw new AppError('query_invalid', 'this server keeps no archive: set "archive.enabled"');
}

const NOTHING_YET: Omit<ArchiverNumbers, 'url'> = {
  givesWay: false,
  isFenced: false,
  waitingSinceMs: 0,
  version: 0,
  epoch: 0,
  files: 0,
  rows: 0,
  bytes: 0,
  waitingBytes: 0,
  waitsFrom: [],
  missedBytes: 0,
  cuts: 0,
  filesWritten: 0,
  rowsWritten: 0,
  bytesWritten: 0,
  workMsTotal: 0,
  compactions: 0,
  filesMerged: 0,
  filesMade: 0,
  hoursExpired: 0,
  filesRemoved: 0,
  filesDeleted: 0,
  work: [],
  workDueMs: Number.POSITIVE_INFINITY,
};

function shown({ url, problem, numbers, hive }: ArchiveView): object {
  const { isFenced, waitingSinceMs, ...rest } = numbers ?? NOTHING_YET;
  return {
    ...rest,
    url,
    problem,
    hive,
    fenced: isFenced,
    waitingSince: waitingSinceMs > 0 ? waitingSinceMs : null,
  };
}

function shownPage({ segments, hasMore, rows, bytes }: SegmentPage): object {
  return {
    segments: segments.map(({ hourMs, tsMinMs, tsMaxMs, ...rest }) => ({
      ...rest,
      hour: hourMs,
      firstEvent: tsMinMs,
      lastEvent: tsMaxMs,
    })),
    nextCursor: hasMore ? segments.at(-1)?.path : null,
    rows,
    bytes,
  };
}
