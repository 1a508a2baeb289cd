/** Which archive the configuration means. */
import { join } from 'node:path';
import type { ArchiveSettings } from '../storage/archive/open.ts';
import type { WebHdfsAuth } from '../storage/archive/webhdfs-client.ts';
import type { Config } from './config.ts';

/** In the data folder, for an archive that names no place. */
export const DEFAULT_ARCHIVE_FOLDER = 'archive';

export function archiveSettings({ archive, dataDir }: Config): ArchiveSettings {
  const { local, webhdfs, s3 } = archive;
  if (webhdfs !== undefined) return webHdfsSettings(webhdfs);
  if (s3 !== undefined) return s3Settings(s3);
  return { type: 'local', dir: local?.dir ?? join(dataDir, DEFAULT_ARCHIVE_FOLDER) };
}

type WebHdfs = NonNullable<Config['archive']['webhdfs']>;
type S3 = NonNullable<Config['archive']['s3']>;

function webHdfsSettings(webhdfs: WebHdfs): ArchiveSettings {
  const { namenodes, dir, defaultFs, caFile } = webhdfs;
  const auth = authOf(webhdfs);
  return {
    type: 'webhdfs',
    namenodes,
    dir,
    defaultFs,
    ...(auth && { auth }),
    ...(caFile !== undefined && { caFile }),
  };
}

function s3Settings({ accessKeyId, secretAccessKey, ...s3 }: S3): ArchiveSettings {
  const hasKey = accessKeyId !== undefined && secretAccessKey !== undefined;
  return { type: 's3', ...s3, ...(hasKey && { credentials: { accessKeyId, secretAccessKey } }) };
}

function authOf({ user, delegationFile, authorizationFile }: WebHdfs): WebHdfsAuth | undefined {
  if (user !== undefined) return { user };
  if (delegationFile !== undefined) return { delegation: { file: delegationFile } };
  if (authorizationFile !== undefined) return { authorization: { file: authorizationFile } };
  return undefined;
}
