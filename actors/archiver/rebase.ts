/**
 * Whether a commit still stands when another node of the cluster has written a version before it, and where its files belong now. What is
 * in the files does not say where they lie, so that they can be given other paths. Pure.
 */
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { nameOf } from '../../storage/archive/paths.ts';
import type {
  NewSegment,
  SegmentCommit,
  SegmentReplacement,
} from '../../storage/archive/segment-commit.ts';
import { type HourPlace, rewrittenFolder } from '../../storage/archive/segment-path.ts';

interface HourFiles extends HourPlace {
  readonly files: ReadonlyMap<string, unknown>;
}

/** The archive as it is now. */
export interface Ground {
  readonly manifest: Manifest;
  /** Number of the next version. */
  readonly version: number;
  hourOf(place: HourPlace): HourFiles | undefined;
  /** See `Hours.folderFor`. */
  folderFor(place: HourPlace): string;
}

/** A cut stands as long as its partitions end where they did, and nobody has given one of its streams other columns. */
export function rebaseCut(
  commit: SegmentCommit,
  before: Manifest,
  ground: Ground,
): SegmentCommit | undefined {
  const { manifest } = ground;
  const moves = [...commit.positions].filter(
    ([partition, to]) => to !== before.positions.get(partition),
  );
  for (const [partition] of moves) {
    if (manifest.positions.get(partition) !== before.positions.get(partition)) return undefined;
  }
  const schemas: StreamSchema[] = [];
  for (const schema of commit.schemas) {
    const key = streamKey(schema);
    const now = manifest.schemas.get(key);
    if (now?.version === before.schemas.get(key)?.version) schemas.push(schema);
    else if (now === undefined || !isSame(now, schema)) return undefined;
  }
  const files = commit.files.map((one) => moved(one, ground.folderFor(one.file)));
  return { positions: new Map(moves), schemas, files };
}

/**
 * Files take the place of others as long as those are all that their hour has. Erased events are told by the version that was intended:
 * an erasure begins anew. What is only removed may have been removed by another.
 */
export function rebaseReplacement(
  replacement: SegmentReplacement,
  { manifest, version, hourOf }: Ground,
): SegmentReplacement | undefined {
  const { change, add, remove } = replacement;
  if (add.length === 0 && change === 'retention') {
    return { ...replacement, remove: remove.filter((path) => manifest.files.has(path)) };
  }
  const [first] = add;
  if (change === 'erasure' || first === undefined) return undefined;
  const hour = hourOf(first.file);
  const isWhole =
    hour?.files.size === remove.length && remove.every((path) => hour.files.has(path));
  if (!isWhole) return undefined;
  const folder = rewrittenFolder(hour, version);
  return { ...replacement, add: add.map((one) => moved(one, folder)) };
}

const moved = (segment: NewSegment, folder: string): NewSegment => ({
  ...segment,
  file: { ...segment.file, path: `${folder}/${nameOf(segment.file.path)}` },
});

const isSame = (a: StreamSchema, b: StreamSchema): boolean =>
  a.version === b.version &&
  a.columns.length === b.columns.length &&
  a.columns.every(({ name, field, kind }, i) => {
    const other = b.columns[i];
    return name === other?.name && field === other.field && kind === other.kind;
  });
