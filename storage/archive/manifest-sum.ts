/** The manifest as the sum of its versions. */
import { ok as assert } from 'node:assert';
import type { SchemaColumn, StreamSchema } from '../../src/model/stream-schema.ts';
import {
  type Manifest,
  type ManifestOwner,
  type ManifestVersion,
  type SegmentFile,
  SHARED_MANIFEST_FORMAT,
} from './manifest.ts';

/** Throws an AssertionError if the version cannot follow: whoever reads versions asks `contradiction` before. */
export const applyVersion = (manifest: Manifest, version: ManifestVersion): Manifest => {
  const sum = new ManifestSum(manifest);
  sum.add(version);
  return sum.manifest;
};

/** Adds many versions up for the price of one copy. */
export class ManifestSum {
  #head: Pick<Manifest, 'version' | 'epoch' | 'owner' | 'writers'>;
  readonly #positions: Map<number, number>;
  readonly #files: Map<string, SegmentFile>;
  readonly #removed: Map<string, number>;
  readonly #schemas: Map<string, StreamSchema>;

  constructor(manifest: Manifest) {
    this.#head = manifest;
    this.#positions = new Map(manifest.positions);
    this.#files = new Map(manifest.files);
    this.#removed = new Map(manifest.removed);
    this.#schemas = new Map(manifest.schemas);
  }

  /** A view: it changes with the next `add`. */
  get manifest(): Manifest {
    const { version, epoch, owner, writers } = this.#head;
    return {
      version,
      epoch,
      owner,
      ...(writers && { writers }),
      positions: this.#positions,
      files: this.#files,
      removed: this.#removed,
      schemas: this.#schemas,
    };
  }

  add(version: ManifestVersion): void {
    const wrong = contradiction(this.manifest, version);
    assert(
      wrong === undefined,
      `version ${version.version} of the manifest cannot follow: ${wrong}`,
    );
    if (version.owner.journal !== this.#head.owner?.journal) this.#positions.clear();
    this.#head = headAfter(this.#head, version);
    for (const [partition, position] of Object.entries(version.positions)) {
      this.#positions.set(Number(partition), position);
    }
    for (const path of version.remove) {
      this.#files.delete(path);
      this.#removed.set(path, version.atMs);
    }
    for (const path of version.deleted) this.#removed.delete(path);
    for (const file of version.add) this.#files.set(file.path, file);
    for (const schema of version.schemas) this.#schemas.set(streamKey(schema), schema);
  }
}

type Head = Pick<Manifest, 'version' | 'epoch' | 'owner' | 'writers'>;

function headAfter(head: Head, version: ManifestVersion): Head {
  const { change, owner, dismissed = [] } = version;
  if (!isShared(version)) return { version: version.version, epoch: version.epoch, owner };
  const isNew = change === 'claim' && head.owner?.journal !== owner.journal;
  const writers = new Set(isNew ? [] : head.writers);
  if (change === 'claim') writers.add(version.epoch);
  for (const life of dismissed) writers.delete(life);
  return {
    version: version.version,
    epoch: Math.max(head.epoch, version.epoch),
    owner,
    writers,
  };
}

/** Why `version` cannot follow; undefined if it can. */
export function contradiction(manifest: Manifest, version: ManifestVersion): string | undefined {
  const next = manifest.version + 1;
  if (version.version !== next) return `expected version ${next}, received ${version.version}`;
  return version.change === 'claim'
    ? claimContradiction(manifest, version)
    : (writerContradiction(manifest, version) ??
        dismissalContradiction(manifest, version) ??
        positionContradiction(manifest, version) ??
        schemaContradiction(manifest, version) ??
        fileContradiction(manifest, version) ??
        compactionContradiction(manifest, version));
}

function claimContradiction(manifest: Manifest, claim: ManifestVersion): string | undefined {
  const epoch = manifest.epoch + 1;
  if (!isShared(claim) && claim.epoch !== epoch) {
    return `expected a claim of epoch ${epoch}, received ${claim.epoch}`;
  }
  const { positions, add, remove, deleted, schemas, dismissed = [] } = claim;
  const isOtherLog = claim.owner.journal !== manifest.owner?.journal;
  const kept = isOtherLog ? [] : Object.keys(positions);
  const parts = [kept, add, remove, deleted, schemas, dismissed];
  const isEmpty = parts.every((part) => part.length === 0);
  return isEmpty
    ? undefined
    : 'expected a claim that changes only the owner, and positions with another log';
}

function writerContradiction(manifest: Manifest, version: ManifestVersion): string | undefined {
  const { writers, owner } = manifest;
  if (isShared(version) !== (writers !== undefined)) {
    return writers === undefined
      ? 'expected the server that has the archive alone, received a node of a cluster'
      : 'expected a node of the cluster, received a server that has the archive alone';
  }
  if (writers !== undefined) {
    if (!writers.has(version.epoch))
      return `expected a life that is admitted, received ${version.epoch}`;
    if (version.owner.journal === owner?.journal) return undefined;
    return `expected the log ${owner?.journal}, received ${version.owner.journal}`;
  }
  if (version.epoch !== manifest.epoch) {
    return `expected epoch ${manifest.epoch}, received ${version.epoch}`;
  }
  if (manifest.owner !== undefined && isSameOwner(manifest.owner, version.owner)) return undefined;
  return 'expected the owner that has claimed the archive';
}

function dismissalContradiction(
  { writers }: Manifest,
  { change, epoch, dismissed = [] }: ManifestVersion,
): string | undefined {
  if ((change === 'dismissal') !== dismissed.length > 0) {
    return 'expected a dismissal to dismiss, and nothing else to';
  }
  if (dismissed.includes(epoch)) return 'expected to dismiss others';
  const unknown = dismissed.find((life) => writers?.has(life) !== true);
  return unknown === undefined ? undefined : `expected an admitted life, received ${unknown}`;
}

function positionContradiction(manifest: Manifest, version: ManifestVersion): string | undefined {
  const from = (partition: number) => manifest.positions.get(partition) ?? 0;
  for (const [partition, position] of Object.entries(version.positions)) {
    const before = from(Number(partition));
    if (position <= before && (position < before || manifest.positions.has(Number(partition)))) {
      return `expected partition ${partition} behind ${before}, received ${position}`;
    }
    if (isShared(version) && version.after?.[Number(partition)] !== before) {
      return `expected partition ${partition} to go on from ${before}, received ${version.after?.[Number(partition)]}`;
    }
  }
  if (version.change !== 'segments') return undefined;
  for (const { path, partition, ...range } of version.add) {
    if (partition === undefined) return `expected a partition of ${path}`;
    const to = version.positions[partition] ?? from(partition);
    const isBetween = range.from >= from(partition) && range.from < range.to && range.to <= to;
    if (!isBetween) {
      return `expected ${path} between ${from(partition)} and ${to}, received ${range.from} to ${range.to}`;
    }
  }
  return undefined;
}

function schemaContradiction({ schemas }: Manifest, version: ManifestVersion): string | undefined {
  const keys = version.schemas.map(streamKey);
  if (new Set(keys).size < keys.length) return 'expected one schema of a stream';
  for (const schema of version.schemas) {
    const before = schemas.get(streamKey(schema));
    if (before === undefined) continue;
    const isKept =
      schema.version > before.version &&
      before.columns.every((column, i) => isSameColumn(column, schema.columns[i]));
    if (!isKept) return `expected the schema of ${streamKey(schema)} to grow`;
  }
  for (const file of version.add) {
    const key = streamKey(file);
    const newest = version.schemas.find((schema) => streamKey(schema) === key) ?? schemas.get(key);
    if (file.schema > (newest?.version ?? 0)) {
      return `expected schema ${file.schema} of ${key}, that of ${file.path}, to be known`;
    }
  }
  return undefined;
}

function fileContradiction(manifest: Manifest, version: ManifestVersion): string | undefined {
  const added = new Set(version.add.map(({ path }) => path));
  if (added.size < version.add.length) return 'expected to add each path once';
  for (const path of added) {
    if (manifest.files.has(path)) return `expected a new path, received ${path}`;
    // It would be deleted together with the file that had the name before.
    if (manifest.removed.has(path)) return `expected a path other than the removed ${path}`;
  }
  if (new Set(version.remove).size < version.remove.length) {
    return 'expected to remove each path once';
  }
  const missing = version.remove.find((path) => !manifest.files.has(path));
  if (missing !== undefined) return `expected to remove what is there, received ${missing}`;
  if (new Set(version.deleted).size < version.deleted.length) {
    return 'expected to delete each path once';
  }
  const kept = version.deleted.find((path) => !manifest.removed.has(path));
  return kept === undefined ? undefined : `expected to delete what is removed, received ${kept}`;
}

/** A compaction changes no event. */
function compactionContradiction(
  { files }: Manifest,
  { change, add, remove }: ManifestVersion,
): string | undefined {
  if (change !== 'compaction') return undefined;
  const before = remove.reduce((sum, path) => sum + (files.get(path)?.rows ?? 0), 0);
  const after = add.reduce((sum, { rows }) => sum + rows, 0);
  return before === after ? undefined : `expected ${before} compacted rows, received ${after}`;
}

export const streamKey = ({ tenant, stream }: { tenant: string; stream: string }): string =>
  `${tenant}/${stream}`;

export const isShared = ({ format }: Pick<ManifestVersion, 'format'>): boolean =>
  format === SHARED_MANIFEST_FORMAT;

const isSameOwner = (a: ManifestOwner, b: ManifestOwner): boolean =>
  a.journal === b.journal && a.host === b.host && a.pid === b.pid;

const isSameColumn = (a: SchemaColumn, b: SchemaColumn | undefined): boolean =>
  a.name === b?.name && a.field === b.field && a.kind === b.kind;
