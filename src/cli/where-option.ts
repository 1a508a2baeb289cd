/** `--where`, as commands take it that ask about some events only. */
import { AppError } from '../model/errors.ts';

/** What the server judges; undefined if it was not given. Throws `query_invalid`, with an example, if it is no JSON. */
export function whereOption(text: unknown, example: string): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(`${text}`);
  } catch {
    throw new AppError('query_invalid', `--where must be JSON such as '${example}', got ${text}`);
  }
}
