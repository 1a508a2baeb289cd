/** A process that creates files in an archive, and tells its parent of each whether it was the one. */
import { type ArchiveSettings, openArchive } from '../../storage/archive/open.ts';

interface Work {
  readonly settings: ArchiveSettings;
  readonly paths: readonly string[];
  readonly text: string;
}

process.on('message', async ({ settings, paths, text }: Work) => {
  const archive = await openArchive(settings);
  const heard: boolean[] = [];
  for (const path of paths) heard.push(await archive.create(path, Buffer.from(text)));
  // Its parent ends it by disconnecting.
  process.send?.(heard);
});
