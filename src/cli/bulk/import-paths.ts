/** Which files the paths of an import mean. */
import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { AppError } from '../../model/errors.ts';

export interface FoundFile {
  /** Without links in it. */
  readonly path: string;
  /** By the user; else it is of a folder. */
  readonly isNamed: boolean;
}

/**
 * Folders as all files in them and behind their links, in the order of their names, but for states of imports; each file once.
 * What is called as a pattern of `excluded` says is left out: "*" stands for any characters, "?" for one.
 */
export function filesAt(
  paths: readonly string[],
  statePath: string,
  excluded: readonly string[] = [],
): FoundFile[] {
  const found = new Map<string, FoundFile>();
  const state = join(realpathSync(dirname(statePath)), basename(statePath));
  const patterns = excluded.map(patternOf);
  const isLeftOut = (path: string) => patterns.some((pattern) => pattern.test(basename(path)));
  const isOfFolder = (path: string) => !isLeftOut(path) && !isOfState(path, state);
  for (const path of paths) {
    const stats = readable(() => statSync(path));
    if (!stats.isDirectory() && !stats.isFile()) throw noFile(path);
    const real = realpathSync(path);
    if (stats.isDirectory()) {
      for (const file of readable(() => filesIn(real, isOfFolder, new Set())).sort()) {
        if (!found.has(file)) found.set(file, { path: file, isNamed: false });
      }
    } else if (!isLeftOut(path)) found.set(real, { path: real, isNamed: true });
  }
  return [...found.values()];
}

function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('config_invalid', `expected files and folders: ${reason}`, {}, cause);
  }
}

const noFile = (path: string): AppError =>
  new AppError(
    'config_invalid',
    `expected files and folders, which can be read again from where they were left, received a pipe or a device: ${path}. streamgauge send takes what comes through a pipe`,
    { path },
  );

/** `visited` has the folders on the way, so that links that lead back end. */
function filesIn(
  folder: string,
  isWanted: (path: string) => boolean,
  visited: Set<string>,
): string[] {
  if (visited.has(folder)) return [];
  visited.add(folder);
  return readdirSync(folder)
    .filter((name) => !name.startsWith('.') && isWanted(join(folder, name)))
    .flatMap((name) => {
      // A link may lead nowhere.
      const stats = statSync(join(folder, name), { throwIfNoEntry: false });
      if (stats === undefined) return [];
      if (!stats.isDirectory() && !stats.isFile()) return [];
      const real = realpathSync(join(folder, name));
      return stats.isDirectory() ? filesIn(real, isWanted, visited) : [real];
    });
}

/** That of this import, what a killed one has left of its own, and those of other streams where they are by default. */
const isOfState = (file: string, state: string): boolean =>
  file === state ||
  (file.startsWith(`${state}.`) && file.endsWith('.new')) ||
  /^streamgauge-import-.+\.json(\.\d+\.new)?$/.test(basename(file));

function patternOf(text: string): RegExp {
  const literal = text.replaceAll(/[\\^$.|+()[\]{}]/g, '\\$&');
  return new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 's');
}
