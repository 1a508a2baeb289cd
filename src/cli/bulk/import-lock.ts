/**
 * Keeps a second import off a state file: each would make a state of its own, so that records get two ids and count twice, and the one that
 * ends last would forget what the other has sent.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname } from 'node:path';
import { AppError } from '../../model/errors.ts';

/**
 * Until the process ends, however it does: an abstract Unix socket, as [of the journal](../../../storage/log/journal-lock.ts), named after
 * the folder's inode, since the file is replaced with every save. Returns what releases it sooner.
 */
export async function lockState(path: string): Promise<() => void> {
  if (process.platform !== 'linux') return () => undefined;
  const server = createServer((connection) => connection.destroy());
  try {
    const { dev, ino } = statSync(dirname(path), { bigint: true });
    const name = createHash('sha256').update(basename(path)).digest('base64url');
    server.listen({ path: `\0streamgauge-import-${dev}-${ino}-${name}` });
    await once(server, 'listening');
  } catch (cause) {
    const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE';
    const message = isTaken
      ? `another import works with the state "${path}": wait for its end, or give this one a --state of its own`
      : `--state: expected a place for the state of an import, received "${path}": ${cause}`;
    throw new AppError('config_invalid', message, { path }, cause);
  }
  server.unref();
  return () => server.close();
}
