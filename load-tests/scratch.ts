/** Temporary folders that are gone when the test is over, however it ends (short of kill -9). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
process.on('exit', () => {
  for (const folder of folders) removeScratch(folder);
});

export function scratchFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `streamgauge-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeScratch(folder: string): void {
  folders.delete(folder);
  // A server that was killed a moment ago may still be creating a file.
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
