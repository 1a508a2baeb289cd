/** Matchers as people write them, everywhere the same: in the configuration, in mutations, in questions. */
import type { Matcher } from './notification.ts';
import { isSafePattern, PATTERN_ALLOWED } from './safe-pattern.ts';

/** Of label and value together. */
const MATCHER_LENGTH_MAX = 1_024;
const OPS = { '=': 'eq', '!=': 'ne', '=~': 'matches', '!~': 'notMatches' } as const;

export const MATCHER_ALLOWED = `a matcher such as "severity=critical", "team!=web", "service=~api|web" or "service!~test.*"; behind =~ and !~ ${PATTERN_ALLOWED}`;

/** Alertmanager's notation; quotes around the value may be left out. Undefined if it is none, or its pattern is not safe. */
export function readMatcher(raw: unknown): Matcher | undefined {
  const parts = typeof raw === 'string' ? /^([^=!~]+?)\s*(=~|!~|!=|=)\s*(.*)$/s.exec(raw) : null;
  if (parts === null) return undefined;
  const [, label = '', sign = '', quoted = ''] = parts;
  const value = /^"(.*)"$/s.exec(quoted)?.[1] ?? quoted;
  const op = isSign(sign) ? OPS[sign] : undefined;
  if (op === undefined || label.trim() === '') return undefined;
  if (label.length + value.length > MATCHER_LENGTH_MAX) return undefined;
  const isPattern = op === 'matches' || op === 'notMatches';
  return isPattern && !isSafePattern(value) ? undefined : { label: label.trim(), op, value };
}

export function matcherText({ label, op, value }: Matcher): string {
  const sign = Object.keys(OPS).find((key) => isSign(key) && OPS[key] === op);
  // Quoted where the bare text would be read as something else.
  return `${label}${sign}${/^\s|^"|\s$/.test(value) ? `"${value}"` : value}`;
}

function isSign(text: string): text is keyof typeof OPS {
  return Object.hasOwn(OPS, text);
}
