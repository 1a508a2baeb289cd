/**
 * By what the nodes of a cluster find out whether they write one archive. Each has its own configuration and its own mounts, and a
 * folder that is not mounted looks like a new archive.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { AppError } from '../../src/model/errors.ts';
import type { CheckpointStore } from './checkpoint-store.ts';

const identity = z.object({ id: z.uuid() });

/** The first that asks gives it one. It is as good for a copy of the archive: that is no other one. */
export async function archiveIdentity({ archive, paths }: CheckpointStore): Promise<string> {
  const path = paths.identity;
  const found = await archive.read(path);
  if (found !== undefined) return idIn(found, path);
  const id = randomUUID();
  if (await archive.create(path, Buffer.from(`${JSON.stringify({ id })}\n`))) return id;
  const others = await archive.read(path);
  if (others === undefined) throw new AppError('archive_io', `${path} is gone again`, { path });
  return idIn(others, path);
}

function idIn(bytes: Uint8Array, path: string): string {
  const found = identity.safeParse(json(bytes));
  if (found.success) return found.data.id;
  throw new AppError(
    'checkpoint_corrupt',
    `${path} does not hold the id of this archive: stop all nodes, remove the file, and the next one to start makes another`,
    { path },
  );
}

function json(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString());
  } catch {
    return undefined;
  }
}
