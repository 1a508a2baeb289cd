/** Where the launcher finds its own files, and where it keeps what it has fetched. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const HERE = fileURLToPath(new URL('.', import.meta.url));

/**
 * Jars, shared by all data folders: a few hundred megabytes that outlive `clean`. STREAMGAUGE_SERVICES_CACHE moves it,
 * for machines that carry one folder from run to run.
 */
export function cacheFolder(): string {
  const { STREAMGAUGE_SERVICES_CACHE, XDG_CACHE_HOME } = process.env;
  return (
    STREAMGAUGE_SERVICES_CACHE ||
    join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'streamgauge', 'services')
  );
}
