/** Which archive the configuration means. */
import { join } from 'node:path';
import type { ArchiveSettings } from '../storage/archive/open.ts';
import type { WebHdfsAuth } from '../storage/archive/webhdfs-client.ts';
import type { Config } from './config.ts';

export function archiveSettings({ archive, dataDir }: Config): ArchiveSettings {
  const { local, webhdfs } = archive;
  if (webhdfs === undefined) return { type: 'local', dir: local?.dir ?? join(dataDir, 'archive') };
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

function authOf({
  user,
  delegationFile,
  authorizationFile,
}: NonNullable<Config['archive']['webhdfs']>): WebHdfsAuth | undefined {
  if (user !== undefined) return { user };
  if (delegationFile !== undefined) return { delegation: { file: delegationFile } };
  if (authorizationFile !== undefined) return { authorization: { file: authorizationFile } };
  return undefined;
}
