/** What is wrong with a configuration, in words that name the key, the place, the value and the way out. */
import type { z } from 'zod';
import { SECRET_PREFIX } from '../model/access.ts';
import { keyOf, keysAllowedAt, nearest, type Path } from './settings.ts';

export interface ConfigProblem {
  /** Dotted, as in `listen.ingestPort`; empty if the whole source is unusable. */
  readonly key: string;
  /** `file:line:column`, an environment variable, a flag, or nothing for a default. */
  readonly where: string;
  /** What is allowed, or what to do. */
  readonly message: string;
  /** The value as it was written, shortened, secrets masked. */
  readonly received?: string;
}

/** One line, without the reader's need to know the schema. */
export function formatProblem({ key, where, message, received }: ConfigProblem): string {
  const head = [where, key].filter((part) => part !== '').join(': ');
  return `${head}: ${message}${received === undefined ? '' : `, received ${received}`}`;
}

/** How a problem learns what was written and where. */
export interface Written {
  valueAt(path: Path): unknown;
  whereIs(path: Path): string;
}

/** An unknown key is several issues in one for Zod; people get one line for each. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  written: Written,
): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const path = issue.path.filter((part) => typeof part !== 'symbol');
    if (issue.code !== 'unrecognized_keys') return [problemAt(path, issue.message, written)];
    const allowed = keysAllowedAt(schema, path);
    return issue.keys.map((key) => unknownKey([...path, key], allowed, written));
  });
}

/** `byDefault` is the value in force where nobody wrote one. */
export function problemAt(
  path: Path,
  message: string,
  written: Written,
  byDefault?: unknown,
): ConfigProblem {
  const value = written.valueAt(path);
  const received =
    value === undefined && byDefault !== undefined
      ? `the default ${display(path, byDefault)}`
      : display(path, value);
  return { key: keyOf(path), where: written.whereIs(path), message, received };
}

export function unknownName(
  name: string,
  candidates: readonly string[],
): Pick<ConfigProblem, 'message'> {
  const meant = nearest(name, candidates);
  return {
    message:
      meant === undefined ? `allowed are ${candidates.join(', ')}` : `did you mean ${meant}?`,
  };
}

/** Headers carry authorization more often than anything else. */
const SECRET_KEY = /secret|password|token|hash|headers/i;
/** Where a secret is, and not the secret. */
const PLACE_KEY = /(File|Url)$/;

/** What never reaches a terminal, a log or a bug report: values under a telling key, and our own secrets. */
export function masked(path: Path, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item, i) => masked([...path, i], item));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, masked([...path, key], item)]),
    );
  }
  const isNamed = path.some((part) => {
    const key = String(part);
    return SECRET_KEY.test(key) && !PLACE_KEY.test(key);
  });
  const isSecret =
    typeof value === 'string' &&
    (value.includes(SECRET_PREFIX) || /whsec_|:\/\/[^/]*@/.test(value));
  return value !== undefined && (isNamed || isSecret)
    ? `*** (${String(value).length} characters)`
    : value;
}

function unknownKey(path: Path, allowed: readonly string[], written: Written): ConfigProblem {
  const { message } = unknownName(String(path.at(-1)), allowed);
  return { key: keyOf(path), where: written.whereIs(path), message: `unknown key; ${message}` };
}

const DISPLAY_LENGTH_MAX = 80;

function display(path: Path, value: unknown): string {
  if (value === undefined) return 'nothing';
  // JSON has no NaN and no infinities, and writes null.
  const named = (_: string, part: unknown): unknown =>
    typeof part === 'number' && !Number.isFinite(part) ? String(part) : part;
  const safe = masked(path, value);
  const text = typeof safe === 'number' ? undefined : JSON.stringify(safe, named);
  const shown = text ?? String(safe);
  return shown.length > DISPLAY_LENGTH_MAX ? `${shown.slice(0, DISPLAY_LENGTH_MAX)}…` : shown;
}
