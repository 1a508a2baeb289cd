/** Which archive the configuration means. */
import { join } from 'node:path';
import type { ArchiveSettings } from '../storage/archive/open.ts';
import type { Config } from './config.ts';

export const archiveSettings = ({ archive, dataDir }: Config): ArchiveSettings => ({
  type: 'local',
  dir: archive.local?.dir ?? join(dataDir, 'archive'),
});
