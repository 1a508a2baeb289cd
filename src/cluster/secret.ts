/** By what nodes of one cluster know each other. */
import { readFile } from 'node:fs/promises';
import { AppError } from '../model/errors.ts';
import { isUsableNodeKey, USABLE_NODE_KEY } from '../model/node-key.ts';

/** The secret itself, or that of a file, which may end in a line break. Rejects with `config_invalid`. */
export async function clusterSecret(settings: {
  readonly secret?: string;
  readonly secretFile?: string;
}): Promise<string> {
  const { secret, secretFile } = settings;
  if (secret !== undefined) return secret;
  if (secretFile === undefined) throw new RangeError('the configuration was not checked');
  const refuse = (reason: string, cause?: unknown): never => {
    throw new AppError('config_invalid', `cluster.secretFile ${secretFile} ${reason}`, {}, cause);
  };
  const text = await readFile(secretFile, 'utf8').catch((cause) => refuse('is unreadable', cause));
  const found = text.trim();
  if (!isUsableNodeKey(found)) refuse(`must hold ${USABLE_NODE_KEY}`);
  return found;
}
