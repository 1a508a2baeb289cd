/** The archive in a real HDFS: NameNode and DataNode in processes of their own. */

import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { HDFS_USER, type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import type { WebHdfsSettings } from '../../storage/archive/webhdfs.ts';
import { archiveContract } from '../contract/archive.ts';
import { archiveWritersContract } from '../contract/archive-writers.ts';
import { asksRemoteArchive } from './remote-cold.ts';

let hdfs: Hdfs;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hdfs-'));

test.before(async () => {
  hdfs = await startHdfs({ dir });
});

test.after.always(async () => {
  await hdfs?.stop();
  await rm(dir, { recursive: true, force: true });
});

let archives = 0;

function settingsOf(): WebHdfsSettings {
  archives += 1;
  return {
    type: 'webhdfs',
    namenodes: [hdfs.webHdfsUrl],
    defaultFs: hdfs.rpcUrl,
    dir: `/archives/${archives}`,
    auth: { user: HDFS_USER },
  };
}

archiveContract('hdfs', async () => settingsOf(), { hasFolders: true });
archiveWritersContract('hdfs', async () => settingsOf());

test('single events are asked for from HDFS, each file fetched once', async (t) => {
  const { type: _, auth: __, ...place } = settingsOf();
  await asksRemoteArchive(t, { webhdfs: { ...place, user: HDFS_USER } });
});
