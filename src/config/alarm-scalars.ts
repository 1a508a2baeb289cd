/** The small notations of alarms: measures, bounds, matchers, hours and days. Each reads one value. */
import type { AlarmMeasure, Bound } from '../model/alarm.ts';
import { MATCHER_ALLOWED, readMatcher } from '../model/matcher.ts';
import { scalar } from './scalars.ts';
import { FIELD_NAME_LENGTH_MAX } from './shapes.ts';

const FIELD_OPS = ['sum', 'min', 'max', 'avg', 'distinct', 'first', 'last'] as const;

/** `count`, `rate`, `rate(bytes)`, `sum(amount)`, `quantile(duration_ms, 0.99)`; or as a group, `{op: sum, field: amount}`. */
export const alarmMeasure = scalar(
  '"count", "rate", "rate(field)", "quantile(field, 0.99)", or sum, min, max, avg, distinct, first, last of a field, such as "sum(amount)"',
  (raw): AlarmMeasure | undefined => {
    const { op, field, q, ...rest } = typeof raw === 'string' ? measureParts(raw) : recordOf(raw);
    if (Object.keys(rest).length > 0) return undefined;
    const isQuantile = op === 'quantile';
    if (isQuantile !== (q !== undefined)) return undefined;
    if (field === undefined) return op === 'count' || op === 'rate' ? { op } : undefined;
    if (typeof field !== 'string' || field === '' || field.length > FIELD_NAME_LENGTH_MAX) {
      return undefined;
    }
    if (isQuantile) {
      return typeof q === 'number' && q > 0 && q < 1 ? { op, field, q } : undefined;
    }
    if (op === 'rate') return { op, field };
    const known = FIELD_OPS.find((candidate) => candidate === op);
    return known === undefined ? undefined : { op: known, field };
  },
);

export const number = (min: number, max: number, what = 'a number') =>
  scalar(`${what} from ${min} to ${max}`, (raw) => {
    const value = numberOf(raw);
    return value !== undefined && value >= min && value <= max ? value : undefined;
  });

/** A number, or two: the one to fire past, and the one to be normal again. */
export const bound = scalar(
  'a number, or {fire: 100, clear: 80}: past "fire" it is abnormal, and normal again only past "clear"',
  (raw): Bound | undefined => {
    const single = numberOf(raw);
    if (single !== undefined) return { fire: single, clear: single };
    const { fire, clear, ...rest } = recordOf(raw);
    const [fires, clears] = [numberOf(fire), numberOf(clear ?? fire)];
    const isKnown = Object.keys(rest).length === 0;
    return isKnown && fires !== undefined && clears !== undefined
      ? { fire: fires, clear: clears }
      : undefined;
  },
);

/** Alertmanager's: `severity=critical`, `service=~api|web`; quotes around the value may be left out. */
export const matcher = scalar(MATCHER_ALLOWED, readMatcher);

/** A flat group of texts, such as labels. */
export const texts = (what: string, isName: (name: string) => boolean, lengthMax: number) =>
  scalar(
    `a group of at most ${TEXTS_MAX} ${what}, each a text of at most ${lengthMax} characters`,
    (raw): Readonly<Record<string, string>> | undefined => {
      if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return undefined;
      const entries = Object.entries(raw).map(([name, value]) => [name, textOf(value)] as const);
      const areFine = entries.every(
        ([name, value]) => isName(name) && value !== undefined && value.length <= lengthMax,
      );
      return areFine && entries.length <= TEXTS_MAX
        ? Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']))
        : undefined;
    },
  );

const TEXTS_MAX = 64;

function measureParts(text: string): Record<string, unknown> {
  const parts = /^\s*(\w+)\s*(?:\((.+)\))?\s*$/s.exec(text);
  if (parts === null) return {};
  const [, op, inside] = parts;
  if (op !== 'quantile' || inside === undefined) return { op, field: inside?.trim() };
  const comma = inside.lastIndexOf(',');
  return { op, field: inside.slice(0, comma).trim(), q: numberOf(inside.slice(comma + 1).trim()) };
}

function numberOf(raw: unknown): number | undefined {
  const isText =
    typeof raw === 'string' && /^-?\d{1,300}(\.\d{1,300})?(e[+-]?\d{1,3})?$/i.test(raw);
  const value = isText ? Number(raw) : raw;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function recordOf(raw: unknown): Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw) ? { ...raw } : {};
}

/** YAML reads `1` as a number where a person means a text. */
function textOf(raw: unknown): string | undefined {
  return ['string', 'number', 'boolean'].includes(typeof raw) ? String(raw) : undefined;
}
