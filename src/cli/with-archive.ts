/** What commands that look into the archive have in common: the configuration says where it is. They need no server. */
import type { Archive } from '../../storage/archive/archive.ts';
import type { Manifest } from '../../storage/archive/manifest.ts';
import { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { openArchive } from '../../storage/archive/open.ts';
import { archiveSettings } from '../archive-settings.ts';
import type { Config } from '../config.ts';
import { createLogger } from '../logging.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export type Options = Readonly<Record<string, unknown>>;

export interface OpenedArchive {
  readonly archive: Archive;
  readonly manifest: Manifest;
  readonly config: Config;
  /** The newest there is now. */
  readonly reload: () => Promise<Manifest>;
}

export async function withArchive(
  options: Options,
  terminal: Terminal,
  work: (opened: OpenedArchive) => Promise<ExitCode>,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const archive = await openArchive(archiveSettings(config));
  try {
    const reader = new ManifestReader(
      archive,
      createLogger({ ...config.logging, level: 'silent', thread: 'main' }),
    );
    const manifest = await reader.load();
    return await work({ archive, manifest, config, reload: () => reader.refresh() });
  } finally {
    await archive.close();
  }
}
