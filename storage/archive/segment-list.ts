/** The segments of a manifest as people page through them. */
import { AppError } from '../../src/model/errors.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import type { Manifest, SegmentFile } from './manifest.ts';

export interface SegmentQuery {
  readonly tenant: string;
  /** Undefined: every stream. */
  readonly stream?: string | undefined;
  /** Hours of arrival that touch `[fromMs, toMs)`. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly first: number;
  /** The path of the last segment of the page before. */
  readonly after?: string | undefined;
}

export interface SegmentPage {
  /** Newest hour first, by path within it. */
  readonly segments: readonly SegmentFile[];
  readonly hasMore: boolean;
  /** Of all that match. */
  readonly rows: number;
  readonly bytes: number;
}

/** Throws `query_invalid` if `after` is no segment that matches. */
export function listSegments({ files }: Manifest, query: SegmentQuery): SegmentPage {
  const { first, after } = query;
  const found = [...files.values()].filter((file) => matches(file, query)).sort(newestFirst);
  let from = 0;
  if (after !== undefined) {
    const last = files.get(after);
    if (last === undefined || !matches(last, query)) {
      throw new AppError(
        'query_invalid',
        `"after" must be the path of a segment of this list, received "${after}": begin anew`,
      );
    }
    from = found.indexOf(last) + 1;
  }
  return {
    segments: found.slice(from, from + first),
    hasMore: found.length > from + first,
    ...totalOf(found),
  };
}

const matches = (file: SegmentFile, { tenant, stream, fromMs, toMs }: SegmentQuery): boolean =>
  file.tenant === tenant &&
  (stream === undefined || file.stream === stream) &&
  file.hourMs < toMs &&
  file.hourMs + HOUR_MS > fromMs;

const newestFirst = (a: SegmentFile, b: SegmentFile): number =>
  b.hourMs - a.hourMs || (a.path < b.path ? -1 : Number(a.path > b.path));

export function totalOf(files: Iterable<SegmentFile>): { rows: number; bytes: number } {
  let rows = 0;
  let bytes = 0;
  for (const file of files) {
    rows += file.rows;
    bytes += file.bytes;
  }
  return { rows, bytes };
}
