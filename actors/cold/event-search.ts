/** Which files a page of events is looked for in: those of its time, as far as filters do not leave them out, the newest first. */
import { filesOf, isFiltered, type WantedTexts, wantedTexts } from './file-sieve.ts';
import {
  FILES_FIRST,
  FILES_FIRST_SIEVED,
  JOINS_WISHED_FILES_MIN,
  UNFILTERED_FILES_MAX,
} from './limits.ts';
import type { FindTools } from './question-tools.ts';
import type { EventsQuestion } from './questions.ts';
import type { SegmentPart } from './segment-parts.ts';
import type { StreamSnapshot } from './snapshots.ts';
import { chunkSources, type Source } from './sources.ts';

type Files = StreamSnapshot['files'];
interface Times {
  readonly tsMinMs: number;
  readonly tsMaxMs: number;
}
type Single = Times &
  (
    | { readonly type: 'chunk'; readonly source: Source }
    | { readonly type: 'segment'; readonly file: Files[number] }
  );
/** Of `files`, those that may hold events of the page, are the times. */
type Joined = Times & { readonly type: 'join'; readonly part: SegmentPart; readonly files: Files };
export type Candidate = Single | Joined;

export interface Search {
  readonly wanted: readonly WantedTexts[];
  /** All files of its time, those with the newest events first. */
  readonly inTime: readonly Single[];
  /** They have left out most files. */
  readonly isSieved: boolean;
  /** Those of them that filters have not left out. */
  readonly candidates: readonly Candidate[];
}

export const firstLook = ({ isSieved }: Search): number =>
  isSieved ? FILES_FIRST_SIEVED : FILES_FIRST;

export async function searchOf(
  tools: FindTools,
  snapshot: StreamSnapshot,
  question: Omit<EventsQuestion, 'first'>,
): Promise<Search> {
  const wanted = wantedTexts(snapshot.schema, question);
  const inTime = candidatesOf(snapshot, question);
  const files = await filesOf(tools, wanted, segmentsOf(inTime), tools.timeLeftMs());
  const candidates = inTime.filter((each) => each.type === 'chunk' || files.has(each.file));
  return { wanted, inTime, isSieved: candidates.length * 2 <= inTime.length, candidates };
}

/**
 * As `search`, and segments of a join are read from it if it has filters of what is wanted in it: DuckDB passes over the others'
 * rows by them. Where few files are left, each is opened by itself; and where most are, a page is in the newest ones.
 */
export function withJoins(
  tools: FindTools,
  snapshot: StreamSnapshot,
  search: Search,
): Search & { release(): void } {
  const { wanted, inTime, isSieved, candidates } = search;
  const left = new Set(segmentsOf(candidates));
  if (!isSieved || left.size < JOINS_WISHED_FILES_MIN) return { ...search, release: () => {} };
  const { joins, release } = tools.joins.take(segmentsOf(inTime), snapshot.files);
  const joined = joins.flatMap((part): Joined[] => {
    const files = part.files.filter((file) => left.has(file));
    const isUseful = files.length > 1 && files.every((file) => isFiltered(tools, wanted, file));
    if (!isUseful) return [];
    for (const file of files) left.delete(file);
    const tsMinMs = Math.min(...files.map((file) => file.tsMinMs));
    const tsMaxMs = Math.max(...files.map((file) => file.tsMaxMs));
    return [{ type: 'join', part, files, tsMinMs, tsMaxMs }];
  });
  const single = candidates.filter((each) => each.type !== 'segment' || left.has(each.file));
  return { ...search, candidates: [...single, ...joined].sort(newestCandidate), release };
}

const newestCandidate = (a: Candidate, b: Candidate): number => b.tsMaxMs - a.tsMaxMs;

/**
 * Looking for a value that is in many files ends in the first ones; what has gone on is rare, and worth filters. They are wished
 * for all files that were passed, known ones too: what has room is told from the newest on.
 */
export function wishFilters(
  tools: FindTools,
  { schema }: StreamSnapshot,
  { wanted, inTime, candidates }: Search,
  looked: number,
): void {
  if (wanted.length === 0) return;
  const some = candidates.slice(0, looked);
  const last = some.at(-1);
  if (last === undefined || segmentsOf(some).length <= UNFILTERED_FILES_MAX) return;
  const passed = segmentsOf(inTime.filter(({ tsMaxMs }) => tsMaxMs >= last.tsMaxMs));
  const files = passed.filter((file) => !isFiltered(tools, wanted, file));
  if (files.length === 0) return;
  tools.filters.wish = { schema, files, fields: [...new Set(wanted.map(({ field }) => field))] };
}

const segmentsOf = (candidates: readonly Candidate[]): Files =>
  candidates.flatMap((each) => {
    if (each.type === 'chunk') return [];
    return each.type === 'join' ? each.files : [each.file];
  });

/** Files that may hold events of the page, those with the newest first. */
function candidatesOf(
  snapshot: StreamSnapshot,
  { fromMs, toMs, after }: Omit<EventsQuestion, 'first'>,
): Single[] {
  const newestMs = Math.min(toMs - 1, after?.tsMs ?? Number.POSITIVE_INFINITY);
  const chunks = chunkSources(snapshot).map((source) => ({
    type: 'chunk' as const,
    source,
    tsMinMs: source.tsMinMs,
    tsMaxMs: source.tsMaxMs,
  }));
  const segments = snapshot.files.map((file) => ({
    type: 'segment' as const,
    file,
    tsMinMs: file.tsMinMs,
    tsMaxMs: file.tsMaxMs,
  }));
  return [...chunks, ...segments]
    .filter(({ tsMinMs, tsMaxMs }) => tsMinMs <= newestMs && tsMaxMs >= fromMs)
    .sort(newestCandidate);
}
