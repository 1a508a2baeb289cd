/**
 * An archive in HDFS, by WebHDFS: needs no Hadoop here, and works with every Hadoop from 2.9 on.
 *
 * RENAME with the option NONE is what `create` and `move` rest on: the NameNode does it in one step, and refuses if the
 * target exists. (Without the option it would move a file into a folder of the target's name.)
 */
import { createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path/posix';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError, type FaultCode } from '../../src/model/errors.ts';
import { ARCHIVE_COPY_BYTES, ARCHIVE_READ_BYTES_MAX } from '../limits.ts';
import type { Archive, ArchiveEntry } from './archive.ts';
import { diskFault, writeWhole } from './disk-files.ts';
import { type HttpAnswer, type HttpBody, HttpFailure } from './http-exchange.ts';
import { byName, checkedFolder, checkedPath, temporaryPath } from './paths.ts';
import {
  bytesOf,
  openWebHdfsClient,
  textOf,
  type WebHdfsClient,
  type WebHdfsClientSettings,
} from './webhdfs-client.ts';
import { HdfsRefusal, type HdfsRefusalKind } from './webhdfs-refusal.ts';

export interface WebHdfsSettings extends WebHdfsClientSettings {
  readonly type: 'webhdfs';
  /** The archive's folder in HDFS, absolute. */
  readonly dir: string;
  /** What other programs call this HDFS: its `fs.defaultFS`, such as `hdfs://cluster` or `hdfs://host:8020`. */
  readonly defaultFs: string;
}

export async function openWebHdfsArchive(settings: WebHdfsSettings): Promise<Archive> {
  const client = await openWebHdfsClient(settings);
  const root = join('/', checkedFolder(settings.dir.replace(/^\/+|\/+$/g, '')));
  const at = (path: string): string => join(root, checkedPath(path));

  return {
    url: `${settings.defaultFs.replace(/\/+$/, '')}${root === '/' ? '' : root}`,

    async put(path, localPath) {
      const to = at(path);
      await withLocalFile(localPath, async (body) => {
        await guarded('store', to, () => write(client, to, body));
      });
    },

    async create(path, bytes) {
      const to = at(path);
      const temporary = at(temporaryPath());
      const body = { bytes: bytes.length, open: () => Readable.from([bytes]) };
      return guarded('create', to, async () => {
        await write(client, temporary, body);
        const written = await statusOf(client, temporary);
        const outcome = await rename(client, temporary, to);
        if (outcome === 'done') return true;
        if (outcome === 'missing') {
          // It was renamed, and the answer got lost: then its id is at the target.
          const found = await statusOf(client, to);
          if (found?.fileId !== undefined && found.fileId === written?.fileId) return true;
        }
        await remove(client, temporary);
        if ((await statusOf(client, to))?.type === 'FILE') return false;
        throw new HdfsRefusal('other', `neither ${temporary} nor a file ${to} is there`);
      });
    },

    async move(from, to) {
      const [source, target] = [at(from), at(to)];
      await guarded(`move ${source} to`, target, async () => {
        if ((await rename(client, source, target)) === 'done') return;
        const isThere = (await statusOf(client, source)) !== undefined;
        const found = await statusOf(client, target);
        if (!isThere && found?.type === 'FILE') return;
        if (isThere) throw new HdfsRefusal('exists', 'something else is there: move it away');
        throw new HdfsRefusal('missing', `there is no ${source}`);
      });
    },

    async read(path) {
      const file = at(path);
      return guarded('read', file, () =>
        unlessMissing(() => openFile(client, file, wholeBytes), undefined),
      );
    },

    async fetch(path, localPath) {
      const file = at(path);
      await guarded(`copy to ${localPath} from`, file, () =>
        writeWhole(localPath, (partialPath) =>
          openFile(client, file, (answer) => save(answer, partialPath)),
        ),
      );
    },

    async list(folder) {
      const path = join(root, checkedFolder(folder));
      return guarded('list', path, () => unlessMissing(() => listed(client, path), []));
    },

    async remove(path) {
      const file = at(path);
      await guarded('remove', file, () => unlessMissing(() => remove(client, file), undefined));
    },

    close: async () => client.close(),
  };
}

/** As LISTSTATUS and GETFILESTATUS give it. HttpFS has no `fileId`. */
interface FileStatus {
  readonly pathSuffix: string;
  readonly type: 'FILE' | 'DIRECTORY' | 'SYMLINK';
  readonly length: number;
  readonly modificationTime: number;
  readonly fileId?: number;
}

interface Page {
  readonly DirectoryListing: {
    readonly partialListing: { readonly FileStatuses: { readonly FileStatus: FileStatus[] } };
    readonly remainingEntries: number;
  };
}

function jsonOf<T>(text: string): T {
  try {
    return JSON.parse(text);
  } catch {
    throw new HdfsRefusal('other', `expected JSON of WebHDFS, received ${text.slice(0, 200)}`);
  }
}

/**
 * Replaces what is there, which also takes over from a DataNode that died while it wrote: the lease that it left behind would
 * keep others out for a minute. Blocks are on the disks of the DataNodes when it resolves, not only in their memory.
 */
async function write(client: WebHdfsClient, path: string, body: HttpBody): Promise<void> {
  const query = { op: 'CREATE', overwrite: 'true', createflag: 'create,sync_block' };
  await client.request({ method: 'PUT', path, query, body }, textOf);
}

/** Makes the target's folder if that is what is missing. */
async function rename(
  client: WebHdfsClient,
  from: string,
  to: string,
): Promise<'done' | 'exists' | 'missing'> {
  const query = { op: 'RENAME', destination: to, renameoptions: 'NONE' };
  const tryOnce = async (): Promise<'done' | 'exists' | 'missing'> => {
    try {
      const text = await client.request({ method: 'PUT', path: from, query }, textOf);
      // HttpFS has no options, and says no more than that.
      return /"boolean"\s*:\s*false/.test(text) ? 'missing' : 'done';
    } catch (error) {
      if (isRefusal(error, 'exists')) return 'exists';
      if (isRefusal(error, 'missing')) return 'missing';
      throw error;
    }
  };
  const outcome = await tryOnce();
  if (outcome !== 'missing') return outcome;
  await client.request({ method: 'PUT', path: dirname(to), query: { op: 'MKDIRS' } }, textOf);
  return tryOnce();
}

async function statusOf(client: WebHdfsClient, path: string): Promise<FileStatus | undefined> {
  const query = { op: 'GETFILESTATUS' };
  const text = await unlessMissing(
    () => client.request({ method: 'GET', path, query }, textOf),
    undefined,
  );
  return text === undefined ? undefined : jsonOf<{ FileStatus: FileStatus }>(text).FileStatus;
}

async function listed(client: WebHdfsClient, path: string): Promise<ArchiveEntry[]> {
  const entries: ArchiveEntry[] = [];
  for (let startAfter = ''; ; ) {
    const query = { op: 'LISTSTATUS_BATCH', ...(startAfter !== '' && { startAfter }) };
    const text = await client.request({ method: 'GET', path, query }, textOf);
    const { partialListing, remainingEntries } = jsonOf<Page>(text).DirectoryListing;
    const page = partialListing.FileStatuses.FileStatus;
    for (const { pathSuffix: name, type, length, modificationTime } of page) {
      const isFolder = type === 'DIRECTORY';
      // A file is its own only entry, without a name.
      if (name !== '')
        entries.push({ name, isFolder, bytes: length, modifiedMs: modificationTime });
    }
    const last = page.at(-1)?.pathSuffix ?? '';
    if (remainingEntries === 0 || last === '') return entries.sort(byName);
    startAfter = last;
  }
}

async function openFile<T>(
  client: WebHdfsClient,
  path: string,
  use: (answer: HttpAnswer) => Promise<T>,
): Promise<T> {
  try {
    return await client.request({ method: 'GET', path, query: { op: 'OPEN' } }, use);
  } catch (error) {
    // Nothing is below a file.
    if (isRefusal(error, 'noFolder')) throw new HdfsRefusal('missing', (error as Error).message);
    throw error;
  }
}

async function wholeBytes(answer: HttpAnswer): Promise<Uint8Array> {
  const bytes = await bytesOf(answer, ARCHIVE_READ_BYTES_MAX);
  if (bytes.length < ARCHIVE_READ_BYTES_MAX) return bytes;
  throw new HdfsRefusal('other', `it has ${ARCHIVE_READ_BYTES_MAX} bytes or more`);
}

async function remove(client: WebHdfsClient, path: string): Promise<void> {
  await client.request({ method: 'DELETE', path, query: { op: 'DELETE' } }, textOf);
}

async function save(answer: HttpAnswer, localPath: string): Promise<void> {
  try {
    const file = createWriteStream(localPath, { highWaterMark: ARCHIVE_COPY_BYTES });
    await pipeline(answer.body(), file);
  } catch (error) {
    throw error instanceof HttpFailure ? error : diskFault('write', localPath, error);
  }
}

/** The same open file for every try, so that all send the same bytes. */
async function withLocalFile(path: string, use: (body: HttpBody) => Promise<void>): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    throw diskFault('read', path, error);
  }
  try {
    const { size: bytes } = await handle.stat();
    await use({ bytes, open: () => Readable.from(chunksOf(handle, bytes)) });
  } finally {
    await handle.close();
  }
}

async function* chunksOf(handle: FileHandle, bytes: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes; ) {
    const chunk = Buffer.allocUnsafe(Math.min(ARCHIVE_COPY_BYTES, bytes - at));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, at);
    if (bytesRead === 0) throw new Error(`the local file has shrunk to ${at} bytes`);
    yield chunk.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function unlessMissing<T, U>(call: () => Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await call();
  } catch (error) {
    if (isRefusal(error, 'missing') || isRefusal(error, 'noFolder')) return otherwise;
    throw error;
  }
}

const isRefusal = (error: unknown, kind: HdfsRefusalKind): boolean =>
  error instanceof HdfsRefusal && error.kind === kind;

async function guarded<T>(doing: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof HdfsRefusal)) throw diskFault(doing, path, error);
    const code = FAULT_OF[error.kind] ?? 'archive_io';
    throw new AppError(code, `cannot ${doing} ${path}: ${error.message}`, { path }, error);
  }
}

const FAULT_OF: Partial<Record<HdfsRefusalKind, FaultCode>> = {
  denied: 'archive_denied',
  missing: 'archive_missing',
};
