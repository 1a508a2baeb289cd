/** An archive from plain settings, which threads may be handed. */
import type { Archive } from './archive.ts';
import { beginLocalArchive, openLocalArchive } from './local.ts';
import { openS3Archive, type S3Settings } from './s3.ts';
import { openWebHdfsArchive, type WebHdfsSettings } from './webhdfs.ts';

export type ArchiveSettings = LocalSettings | WebHdfsSettings | S3Settings;

export interface LocalSettings {
  readonly type: 'local';
  readonly dir: string;
}

/** Makes room for an archive that nobody has written to yet. Elsewhere than in a directory there is nothing to make. */
export async function beginArchive(settings: ArchiveSettings): Promise<void> {
  if (settings.type === 'local') await beginLocalArchive(settings.dir);
}

export async function openArchive(settings: ArchiveSettings): Promise<Archive> {
  switch (settings.type) {
    case 'local':
      return openLocalArchive(settings.dir);
    case 'webhdfs':
      return openWebHdfsArchive(settings);
    case 's3':
      return openS3Archive(settings);
  }
}
