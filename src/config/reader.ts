/** Reads one thing of the configuration alone, as it comes by mutation: what is wrong is told as of a file. */
import type { z } from 'zod';
import type { AlarmProblem } from '../model/alarm-board.ts';
import { err, ok, type Result } from '../model/result.ts';
import { type ConfigProblem, problemsOf } from './problems.ts';
import type { Path } from './settings.ts';
import { valueAt } from './sources.ts';

export function reader<T extends z.ZodType>(schema: T) {
  return (raw: unknown, tenant?: string): Result<z.output<T>, ConfigProblem[]> => {
    const isGroup = typeof raw === 'object' && raw !== null && !Array.isArray(raw);
    const values = isGroup && tenant !== undefined ? { ...raw, tenant } : raw;
    const parsed = schema.safeParse(values);
    if (parsed.success) return ok(parsed.data);
    const written = { valueAt: (path: Path) => valueAt(values, path), whereIs: () => '' };
    return err(problemsOf(parsed.error.issues, schema, written));
  };
}

/** For whoever has sent it. */
export const problemsInWords = (problems: readonly ConfigProblem[]): AlarmProblem[] =>
  problems.map(({ key, message, received }) => ({
    path: key,
    message: received === undefined ? message : `${message}, received ${received}`,
  }));
