/**
 * An archive in S3, or in what speaks as S3 does. `create` needs a server that honours `If-None-Match: *` on PutObject: AWS
 * since 2024, MinIO, Ceph, R2. One that ignores it would let two servers write the same version of the manifest.
 *
 * S3 has no move: it is a copy and a deletion. Each object carries an id of ours, which a copy takes along: by it a move
 * that was cut off is told from an object that was there before, and an object that we made from that of another.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3';
import { AppError } from '../../src/model/errors.ts';
import {
  ARCHIVE_CONNECTIONS_MAX,
  ARCHIVE_COPY_BYTES,
  ARCHIVE_READ_BYTES_MAX,
  ARCHIVE_TIMEOUTS,
  S3_ATTEMPTS_MAX,
  S3_OBJECT_BYTES_MAX,
} from '../limits.ts';
import type { Archive, ArchiveEntry } from './archive.ts';
import { certificatesIn, diskFault, systemCodeOf, writeWhole } from './disk-files.ts';
import { byName, checkedFolder, checkedPath } from './paths.ts';
import { isS3, s3Fault } from './s3-fault.ts';

export interface S3Settings {
  readonly type: 's3';
  readonly bucket: string;
  /** What all keys of the archive begin with, without a slash at its end; empty or left out: the whole bucket. */
  readonly prefix?: string | undefined;
  readonly region?: string | undefined;
  /** Of a server that is not AWS. */
  readonly endpoint?: string | undefined;
  /** The bucket in the path instead of the host's name, as most servers that are not AWS need it. */
  readonly forcePathStyle?: boolean | undefined;
  /** Certificates (PEM) to trust instead of the usual ones. */
  readonly caFile?: string | undefined;
  /** Left out: what AWS's own tools would use (environment, profile, role of the machine). */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** In an object's metadata. */
const ID = 'streamgauge-id';

export async function openS3Archive(settings: S3Settings): Promise<Archive> {
  const { bucket: Bucket, prefix = '' } = settings;
  const root = prefix.replace(/^\/+|\/+$/g, '');
  // 12 MB of code that only those load who have their archive there.
  const s3 = await import('@aws-sdk/client-s3');
  const { caFile } = settings;
  const ca = caFile === undefined ? undefined : await certificatesIn(caFile);
  const client = clientOf(s3.S3Client, settings, ca);
  const url = `s3://${[Bucket, root].filter((part) => part !== '').join('/')}`;

  const keyOf = (path: string): string =>
    root === '' ? checkedPath(path) : `${root}/${checkedPath(path)}`;

  /** The object's id; undefined if there is no object, empty if it is not one of ours. */
  async function idOf(Key: string): Promise<string | undefined> {
    try {
      const { Metadata } = await client.send(new s3.HeadObjectCommand({ Bucket, Key }));
      return Metadata?.[ID] ?? '';
    } catch (error) {
      if (isS3(error, 404)) return undefined;
      throw error;
    }
  }

  const get = async (Key: string): Promise<GetObjectCommandOutput> =>
    client.send(new s3.GetObjectCommand({ Bucket, Key }));

  async function guarded<T>(doing: string, path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw s3Fault(doing, `${url}/${path}`, error);
    }
  }

  return {
    url,

    async put(path, localPath) {
      const Key = keyOf(path);
      const ContentLength = await sizeOf(localPath);
      await guarded('store', path, async () => {
        const Body = createReadStream(localPath, { highWaterMark: ARCHIVE_COPY_BYTES });
        const Metadata = { [ID]: randomUUID() };
        try {
          await client.send(
            new s3.PutObjectCommand({ Bucket, Key, Body, ContentLength, Metadata }),
          );
        } finally {
          Body.destroy();
        }
      });
    },

    async create(path, bytes) {
      const Key = keyOf(path);
      const id = randomUUID();
      const object = { Bucket, Key, Body: bytes, IfNoneMatch: '*', Metadata: { [ID]: id } };
      return guarded('create', path, async () => {
        for (let attempt = 1; ; attempt++) {
          try {
            await client.send(new s3.PutObjectCommand(object));
            return true;
          } catch (error) {
            // The answer to an attempt before this one may have been lost.
            if (isS3(error, 412)) return (await idOf(Key)) === id;
            // Somebody else creates it just now, and may fail.
            if (!isS3(error, 409) || attempt === S3_ATTEMPTS_MAX) throw error;
          }
        }
      });
    },

    async move(from, to) {
      const [source, target] = [keyOf(from), keyOf(to)];
      const CopySource = `${Bucket}/${source.split('/').map(encodeURIComponent).join('/')}`;
      await guarded(`move ${url}/${from} to`, to, async () => {
        for (let attempt = 1; ; attempt++) {
          const [moved, found] = await Promise.all([idOf(source), idOf(target)]);
          if (moved === undefined) {
            // Asked again: somebody else may have moved it between the two answers.
            if ((found ?? (await idOf(target))) !== undefined) return;
            throw missing(`${url}/${from}`);
          }
          if (found !== undefined && (found === '' || found !== moved)) throw taken(`${url}/${to}`);
          try {
            if (found === undefined) {
              const copy = { Bucket, Key: target, CopySource, IfNoneMatch: '*' };
              await client.send(new s3.CopyObjectCommand(copy));
            }
            await client.send(new s3.DeleteObjectCommand({ Bucket, Key: source }));
            return;
          } catch (error) {
            // Somebody else moves it, too, and was faster.
            const isOvertaken = [404, 409, 412].some((status) => isS3(error, status));
            if (!isOvertaken || attempt === S3_ATTEMPTS_MAX) throw error;
          }
        }
      });
    },

    async read(path) {
      const Key = keyOf(path);
      return guarded('read', path, async () => {
        try {
          const { Body, ContentLength = 0 } = await get(Key);
          if (ContentLength < ARCHIVE_READ_BYTES_MAX) return await Body?.transformToByteArray();
        } catch (error) {
          if (isS3(error, 404, 'NoSuchKey')) return undefined;
          throw error;
        }
        throw new Error(`it has ${ARCHIVE_READ_BYTES_MAX} bytes or more`);
      });
    },

    async fetch(path, localPath) {
      const Key = keyOf(path);
      await guarded(`copy to ${localPath} from`, path, () =>
        writeWhole(localPath, async (partialPath) => save(await get(Key), partialPath)),
      );
    },

    async list(folder) {
      const path = [root, checkedFolder(folder)].filter((part) => part !== '').join('/');
      const Prefix = path === '' ? '' : `${path}/`;
      return guarded('list', folder, async () => {
        const entries: ArchiveEntry[] = [];
        const pages = s3.paginateListObjectsV2({ client }, { Bucket, Prefix, Delimiter: '/' });
        for await (const { Contents = [], CommonPrefixes = [] } of pages) {
          for (const { Prefix: found = '' } of CommonPrefixes) {
            const name = found.slice(Prefix.length, -1);
            entries.push({ name, isFolder: true, bytes: 0, modifiedMs: 0 });
          }
          for (const { Key = '', Size = 0, LastModified } of Contents) {
            const name = Key.slice(Prefix.length);
            const modifiedMs = LastModified?.getTime() ?? 0;
            // Some programs make an empty object in place of a folder.
            if (name !== '') entries.push({ name, isFolder: false, bytes: Size, modifiedMs });
          }
        }
        return entries.sort(byName);
      });
    },

    async remove(path) {
      const Key = keyOf(path);
      await guarded('remove', path, async () => {
        await client.send(new s3.DeleteObjectCommand({ Bucket, Key }));
      });
    },

    close: async () => client.destroy(),
  };
}

function clientOf(Client: typeof S3Client, settings: S3Settings, ca: string | undefined): S3Client {
  const { region, endpoint, forcePathStyle, credentials } = settings;
  const { connectMs, idleMs, wholeMs } = ARCHIVE_TIMEOUTS;
  const agent = { keepAlive: true, maxSockets: ARCHIVE_CONNECTIONS_MAX };
  return new Client({
    maxAttempts: S3_ATTEMPTS_MAX,
    requestHandler: {
      connectionTimeout: connectMs,
      socketTimeout: idleMs,
      requestTimeout: wholeMs,
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: ca === undefined ? agent : { ...agent, ca },
    },
    // Few servers that are not AWS know the checksums behind a body, which the client would add.
    ...(endpoint !== undefined && {
      endpoint,
      region: region ?? 'us-east-1',
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    ...(region !== undefined && { region }),
    ...(forcePathStyle !== undefined && { forcePathStyle }),
    ...(credentials !== undefined && { credentials }),
  });
}

/** Rejects what S3 would not store, or not copy, as one object. */
async function sizeOf(localPath: string): Promise<number> {
  try {
    const { size } = await stat(localPath);
    if (size <= S3_OBJECT_BYTES_MAX) return size;
    const why = `expected at most ${S3_OBJECT_BYTES_MAX} bytes, which S3 copies as one, ${localPath} has ${size}; cut smaller segments`;
    throw new AppError('archive_io', why, { path: localPath });
  } catch (error) {
    throw diskFault('read', localPath, error);
  }
}

async function save({ Body }: GetObjectCommandOutput, localPath: string): Promise<void> {
  if (!(Body instanceof Readable)) throw new TypeError('S3 answered without a stream');
  try {
    await pipeline(Body, createWriteStream(localPath, { highWaterMark: ARCHIVE_COPY_BYTES }));
  } catch (error) {
    const isOurs = ['ENOSPC', 'EDQUOT', 'EIO', 'EACCES'].includes(systemCodeOf(error) ?? '');
    throw isOurs ? diskFault('write', localPath, error) : error;
  }
}

const missing = (path: string): AppError =>
  new AppError('archive_missing', `${path} is not in the archive`, { path });

const taken = (path: string): AppError =>
  new AppError('archive_io', `something else is at ${path}: move it away`, { path });
