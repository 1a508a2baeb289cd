/**
 * Versions and checkpoints of the manifest as bytes (form: storage/FORMAT.md, "Archive"). Decoders throw `manifest_corrupt`,
 * and `manifest_version` for what another release wrote. Keys that they do not know are passed over.
 */
import { ok as assert } from 'node:assert';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { SchemaColumn, StreamSchema } from '../../src/model/stream-schema.ts';
import {
  MANIFEST_CHECKPOINT_BYTES_MAX,
  MANIFEST_FILES_MAX,
  MANIFEST_VERSION_BYTES_MAX,
  MANIFEST_VERSION_FILES_MAX,
} from '../limits.ts';
import { type JsonObject, JsonShape } from './json-shape.ts';
import {
  MANIFEST_FORMAT,
  type Manifest,
  type ManifestChange,
  type ManifestFormat,
  type ManifestOwner,
  type ManifestVersion,
  type SegmentFile,
  SHARED_MANIFEST_FORMAT,
} from './manifest.ts';
import { streamKey } from './manifest-sum.ts';

const CHANGES: readonly ManifestChange[] = [
  'claim',
  'segments',
  'compaction',
  'erasure',
  'retention',
  'dismissal',
];
/** A name's length in a block is a u16. */
const TEXT_LENGTH_MAX = 65_535;
/** S3 takes none that is longer. */
const PATH_LENGTH_MAX = 1_024;

export function encodeVersion(version: ManifestVersion): Uint8Array {
  for (const part of [version.add, version.remove, version.deleted]) {
    assert(part.length <= MANIFEST_VERSION_FILES_MAX, 'a version has a bound for its files');
  }
  return encode(version, MANIFEST_VERSION_BYTES_MAX);
}

/** @param path of the file, for the errors */
export function decodeVersion(bytes: Uint8Array, path: string): ManifestVersion {
  const shape = new JsonShape(path);
  const json = shape.parse(bytes, MANIFEST_VERSION_BYTES_MAX);
  const format = formatIn(shape, json, path);
  const files = <T>(key: string, item: (value: unknown, at: string) => T): T[] => {
    const list = shape.list(json, key, '', item);
    if (list.length <= MANIFEST_VERSION_FILES_MAX) return list;
    throw shape.corrupt(key, `at most ${MANIFEST_VERSION_FILES_MAX}`, list.length);
  };
  return {
    format,
    version: shape.integer(json, 'version', ''),
    commit: shape.string(json, 'commit', '', TEXT_LENGTH_MAX),
    epoch: shape.integer(json, 'epoch', ''),
    owner: owner(shape, json),
    atMs: shape.number(json, 'atMs', ''),
    change: shape.oneOf(json, 'change', '', CHANGES),
    positions: Object.fromEntries(positions(shape, json)),
    ...(json['after'] !== undefined && {
      after: Object.fromEntries(positions(shape, json, 'after')),
    }),
    ...(json['dismissed'] !== undefined && { dismissed: lives(shape, json, 'dismissed') }),
    add: files('add', (value, at) => segmentFile(shape, value, at)),
    remove: files('remove', (value, at) => archivePath(shape, value, at)),
    deleted: files('deleted', (value, at) => archivePath(shape, value, at)),
    schemas: shape.list(json, 'schemas', '', (value, at) => streamSchema(shape, value, at)),
  };
}

/** The sum, as of a wall clock. */
export function encodeCheckpoint(manifest: Manifest, atMs: number): Uint8Array {
  const { version, epoch, owner, writers, positions, files, removed, schemas } = manifest;
  return encode(
    {
      format: writers === undefined ? MANIFEST_FORMAT : SHARED_MANIFEST_FORMAT,
      version,
      epoch,
      owner,
      ...(writers && { writers: [...writers] }),
      atMs,
      positions: Object.fromEntries(positions),
      files: [...files.values()],
      removed: Array.from(removed, ([path, removedMs]) => ({ path, removedMs })),
      schemas: [...schemas.values()],
    },
    MANIFEST_CHECKPOINT_BYTES_MAX,
  );
}

/** @param path of the file, for the errors */
export function decodeCheckpoint(bytes: Uint8Array, path: string): Manifest {
  const shape = new JsonShape(path);
  const json = shape.parse(bytes, MANIFEST_CHECKPOINT_BYTES_MAX);
  const format = formatIn(shape, json, path);
  const files = shape.list(json, 'files', '', (value, at) => segmentFile(shape, value, at));
  if (files.length > MANIFEST_FILES_MAX) {
    throw shape.corrupt('files', `at most ${MANIFEST_FILES_MAX}`, files.length);
  }
  const removed = shape.list(json, 'removed', '', (value, at): [string, number] => {
    const entry = shape.asObject(value, at);
    return [archivePath(shape, entry['path'], `${at}.path`), shape.number(entry, 'removedMs', at)];
  });
  const schemas = shape.list(json, 'schemas', '', (value, at) => streamSchema(shape, value, at));
  return {
    version: shape.integer(json, 'version', ''),
    epoch: shape.integer(json, 'epoch', ''),
    owner: owner(shape, json),
    ...(format === SHARED_MANIFEST_FORMAT && { writers: new Set(lives(shape, json, 'writers')) }),
    positions: new Map(positions(shape, json)),
    files: new Map(files.map((file) => [file.path, file])),
    removed: new Map(removed),
    schemas: new Map(schemas.map((schema) => [streamKey(schema), schema])),
  };
}

function encode(value: object, bytesMax: number): Uint8Array {
  const bytes = Buffer.from(`${JSON.stringify(value)}\n`);
  assert(bytes.length <= bytesMax, `a file of the manifest has at most ${bytesMax} bytes`);
  return bytes;
}

function formatIn(shape: JsonShape, json: JsonObject, path: string): ManifestFormat {
  const format = shape.integer(json, 'format', '');
  if (format === MANIFEST_FORMAT || format === SHARED_MANIFEST_FORMAT) return format;
  throw new AppError(
    'manifest_version',
    `${path} has format ${format}, and this release reads formats ${MANIFEST_FORMAT} and ${SHARED_MANIFEST_FORMAT}: start the release that wrote it, or a newer one`,
    { path },
  );
}

const lives = (shape: JsonShape, json: JsonObject, key: string): number[] =>
  shape.list(json, key, '', (value, at) => shape.integer({ [at]: value }, at, ''));

function owner(shape: JsonShape, json: JsonObject): ManifestOwner {
  const found = shape.object(json, 'owner', '');
  return {
    journal: shape.string(found, 'journal', 'owner', TEXT_LENGTH_MAX),
    host: shape.string(found, 'host', 'owner', TEXT_LENGTH_MAX),
    pid: shape.integer(found, 'pid', 'owner'),
  };
}

function positions(
  shape: JsonShape,
  json: JsonObject,
  key: 'positions' | 'after' = 'positions',
): [number, number][] {
  const found = shape.object(json, key, '');
  return Object.keys(found).map((partition) => {
    if (!/^(0|[1-9]\d{0,4})$/.test(partition)) {
      throw shape.corrupt(key, 'numbers of partitions', partition);
    }
    return [Number(partition), shape.integer(found, partition, key)];
  });
}

function segmentFile(shape: JsonShape, value: unknown, at: string): SegmentFile {
  const file = shape.asObject(value, at);
  return {
    path: archivePath(shape, file['path'], `${at}.path`),
    tenant: shape.string(file, 'tenant', at, TEXT_LENGTH_MAX),
    stream: shape.string(file, 'stream', at, TEXT_LENGTH_MAX),
    hourMs: shape.integer(file, 'hourMs', at),
    ...(file['partition'] === undefined ? {} : { partition: shape.integer(file, 'partition', at) }),
    from: shape.integer(file, 'from', at),
    to: shape.integer(file, 'to', at),
    rows: shape.integer(file, 'rows', at),
    bytes: shape.integer(file, 'bytes', at),
    tsMinMs: shape.number(file, 'tsMinMs', at),
    tsMaxMs: shape.number(file, 'tsMaxMs', at),
    ...(file['aheadMaxMs'] === undefined
      ? {}
      : { aheadMaxMs: shape.number(file, 'aheadMaxMs', at) }),
    schema: shape.integer(file, 'schema', at),
  };
}

/** Files are deleted by these paths: nothing but a segment may be named. */
function archivePath(shape: JsonShape, value: unknown, at: string): string {
  const path = shape.asString(value, at, PATH_LENGTH_MAX);
  const names = path.split('/');
  const isSegment =
    path.startsWith('tenant=') &&
    names.length > 1 &&
    names.every((name) => name !== '' && name !== '.' && name !== '..');
  if (isSegment) return path;
  throw shape.corrupt(at, 'a path below "tenant=…"', path);
}

function streamSchema(shape: JsonShape, value: unknown, at: string): StreamSchema {
  const schema = shape.asObject(value, at);
  return {
    tenant: shape.string(schema, 'tenant', at, TEXT_LENGTH_MAX),
    stream: shape.string(schema, 'stream', at, TEXT_LENGTH_MAX),
    version: shape.integer(schema, 'version', at),
    columns: shape.list(schema, 'columns', at, (column, place) =>
      schemaColumn(shape, column, place),
    ),
  };
}

function schemaColumn(shape: JsonShape, value: unknown, at: string): SchemaColumn {
  const column = shape.asObject(value, at);
  return {
    name: shape.string(column, 'name', at, TEXT_LENGTH_MAX),
    field: shape.string(column, 'field', at, TEXT_LENGTH_MAX),
    kind: shape.oneOf(column, 'kind', at, Object.values(COLUMN_KIND)),
  };
}
