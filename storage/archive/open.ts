/** An archive from plain settings, which threads may be handed. */
import type { Archive } from './archive.ts';
import { openLocalArchive } from './local.ts';

export type ArchiveSettings = LocalSettings;

export interface LocalSettings {
  readonly type: 'local';
  readonly dir: string;
}

export async function openArchive(settings: ArchiveSettings): Promise<Archive> {
  switch (settings.type) {
    case 'local':
      return openLocalArchive(settings.dir);
  }
}
