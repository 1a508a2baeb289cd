/** Whether files that settings name can be what they have to be. */
import { X509Certificate } from 'node:crypto';
import { closeSync, openSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { err, ok, type Result } from '../model/result.ts';

/** Why it cannot be read; undefined: it can. */
export function unreadable(path: string): string | undefined {
  try {
    closeSync(openSync(path, 'r'));
    return undefined;
  } catch (error) {
    return reasonOf(error);
  }
}

/** The text of a small file, or as `unreadable`. */
export function readText(path: string): Result<string, string> {
  try {
    return ok(readFileSync(path, 'utf8'));
  } catch (error) {
    return err(reasonOf(error));
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);

/** Without symbolic links, as far as there is anything of it yet. Of an absolute path. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const folder = dirname(path);
    return folder === path ? path : join(realPath(folder), basename(path));
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** There is one at least, and all can be read. TLS itself passes over what is none, and trusts nobody then. */
export function holdsCertificates(path: string): boolean {
  const found = readFileSync(path, 'latin1').match(CERTIFICATE) ?? [];
  try {
    for (const each of found) new X509Certificate(each);
    return found.length > 0;
  } catch {
    return false;
  }
}
