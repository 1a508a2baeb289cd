/** Where settings come from: flags over environment over file. Each source knows the place of every value. */
import { readFileSync, statSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import {
  isCollection,
  isMap,
  isNode,
  isSeq,
  LineCounter,
  type Pair,
  parse,
  parseDocument,
} from 'yaml';
import { err, ok, type Result } from '../model/result.ts';
import { type ConfigProblem, unknownName, type Written } from './problems.ts';
import { ENV_PREFIX, envName, type Path, type Setting } from './settings.ts';

export interface Source {
  readonly values: Values;
  /** Relative paths in this source start here. */
  readonly folder: string;
  whereIs(path: Path): string;
}
export type Values = Readonly<Record<string, unknown>>;

/** Larger than any configuration that a person keeps, smaller than what would stall the start. */
const FILE_BYTES_MAX = 4 * 2 ** 20;
const MERGED_DEPTH_MAX = 32;

/** The variable that names the file; it is no setting. */
export const CONFIG_FILE_ENV = `${ENV_PREFIX}CONFIG`;

export function fileSource(path: string, folder: string): Result<Source, ConfigProblem[]> {
  const absolute = resolve(folder, path);
  const where = shortPath(absolute, folder);
  const content = readText(absolute);
  if (!content.ok) return err([{ key: '', where, message: content.error }]);

  const lines = new LineCounter();
  const document = parseDocument(content.value, {
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  });
  const placeOf = (at: number) => {
    const { line, col } = lines.linePos(at);
    return `${where}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    return err(
      document.errors.map(({ pos, message }) => ({ key: '', where: placeOf(pos[0]), message })),
    );
  }
  const values = plain(() => document.toJS({ maxAliasCount: 100 }));
  if (values === undefined) {
    return err([{ key: '', where, message: 'expected keys with values, such as "partitions: 4"' }]);
  }
  return ok({
    values,
    folder: dirname(absolute),
    whereIs: (path) => {
      const at = positionOf(document.contents, path);
      return at === undefined ? where : placeOf(at);
    },
  });
}

/** A variable that is no setting is an error too: a typing mistake must not fall back to a default. */
export function envSource(
  env: Readonly<Record<string, string | undefined>>,
  settings: readonly Setting[],
  folder: string,
): { readonly source: Source; readonly problems: ConfigProblem[] } {
  const known = new Map(settings.map((setting) => [envName(setting.path), setting]));
  const problems: ConfigProblem[] = [];
  let values: Values = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(ENV_PREFIX) || name === CONFIG_FILE_ENV || text === undefined) continue;
    const setting = known.get(name);
    if (setting === undefined) {
      const { message } = unknownName(name, [...known.keys()]);
      problems.push({ key: '', where: name, message: `unknown variable; ${message}` });
    } else {
      const value = setting.isList ? readList(text) : text;
      values = merge(values, nest(setting.path, value));
    }
  }
  return { source: { values, folder, whereIs: (path) => envName(withoutItems(path)) }, problems };
}

/** A flag sets one path; its name is what an error shows. */
export interface Flag {
  readonly name: string;
  readonly path: readonly string[];
  readonly value: string;
}

export function flagSource(flags: readonly Flag[], folder: string): Source {
  return {
    values: flags.reduce<Values>((all, flag) => merge(all, nest(flag.path, flag.value)), {}),
    folder,
    whereIs: (path) =>
      flags.find((flag) => flag.path.every((part, i) => part === path[i]))?.name ?? '',
  };
}

/** Strongest source first. Groups merge key by key; a list replaces a list as a whole. */
export function mergeSources(sources: readonly Source[]): Values {
  return sources.reduceRight<Values>((weaker, { values }) => merge(weaker, values), {});
}

/** The strongest source that sets this path. */
export function sourceOf(sources: readonly Source[], path: Path): Source | undefined {
  return sources.find((source) => valueAt(source.values, path) !== undefined);
}

/** A missing value is placed where its nearest written group is. */
export function writtenIn(sources: readonly Source[]): Written {
  const merged = mergeSources(sources);
  return {
    valueAt: (path) => valueAt(merged, path),
    whereIs(path) {
      for (let length = path.length; length > 0; length--) {
        const source = sourceOf(sources, path.slice(0, length));
        if (source !== undefined) return source.whereIs(path.slice(0, length));
      }
      return '';
    },
  };
}

function readText(path: string): Result<string, string> {
  try {
    if (statSync(path).size > FILE_BYTES_MAX) return err(`is larger than ${FILE_BYTES_MAX} bytes`);
    return ok(readFileSync(path, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return err(code === 'ENOENT' ? 'there is no such file' : `cannot be read (${code})`);
  }
}

/** Aliases that expand without end are refused like every other document that is no group of keys. */
function plain(read: () => unknown): Values | undefined {
  try {
    const value = read();
    if (value === null) return {};
    return isGroup(value) ? withoutNulls(value) : undefined;
  } catch {
    return undefined;
  }
}

/** A key without a value counts as not set, so that a group whose lines are commented out is no error. */
function withoutNulls(values: Values, depth = 0): Values {
  return Object.fromEntries(
    Object.entries(values)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [
        key,
        isGroup(value) && depth < MERGED_DEPTH_MAX ? withoutNulls(value, depth + 1) : value,
      ]),
  );
}

function merge(weaker: Values, stronger: Values, depth = 0): Values {
  const merged = new Map(Object.entries(weaker));
  for (const [key, value] of Object.entries(stronger)) {
    const below = merged.get(key);
    const both = isGroup(below) && isGroup(value) && depth < MERGED_DEPTH_MAX;
    merged.set(key, both ? merge(below, value, depth + 1) : value);
  }
  return Object.fromEntries(merged);
}

function nest(path: readonly string[], value: unknown): Values {
  const [first = '', ...rest] = path;
  return { [first]: rest.length === 0 ? value : nest(rest, value) };
}

/** Own keys only: a path never reaches a prototype. */
export function valueAt(values: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, part)
        ? Reflect.get(value, part)
        : undefined,
    values,
  );
}

function readList(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/** A value inside a list that the environment gave is placed at the list's variable. */
function withoutItems(path: Path): string[] {
  const item = path.findIndex((part) => typeof part === 'number');
  return path.slice(0, item < 0 ? path.length : item).map(String);
}

/** Byte position of a key (in a group) or of an item (in a list). */
function positionOf(contents: unknown, path: Path): number | undefined {
  let node = contents;
  let position: number | undefined;
  for (const part of path) {
    if (!isCollection(node)) return position;
    if (isMap(node)) {
      const pair: Pair | undefined = node.items.find(
        ({ key }) => String(isNode(key) ? key.toJSON() : key) === String(part),
      );
      position = isNode(pair?.key) ? pair.key.range?.[0] : position;
      node = pair?.value;
    } else if (isSeq(node)) {
      node = node.items[Number(part)];
      position = isNode(node) ? node.range?.[0] : position;
    }
  }
  return position;
}

function shortPath(absolute: string, folder: string): string {
  const short = relative(folder, absolute);
  return short.startsWith('..') ? absolute : short;
}

function isGroup(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
