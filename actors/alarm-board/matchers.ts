/** Conditions on the labels of an alarm. Pure. */
import type { Matcher } from '../../src/model/notification.ts';
import { MATCHED_CHARS_MAX } from './limits.ts';

export type Labels = Readonly<Record<string, string>>;
export type LabelTest = (labels: Labels) => boolean;

/** All must hold; none is always true. Throws `SyntaxError` on a bad regular expression: check them before. */
export function compileMatchers(matchers: readonly Matcher[]): LabelTest {
  const tests = matchers.map(compileMatcher);
  return (labels) => tests.every((test) => test(labels));
}

function compileMatcher({ label, op, value }: Matcher): LabelTest {
  const of = (labels: Labels): string =>
    Object.hasOwn(labels, label) ? (labels[label] ?? '') : '';
  switch (op) {
    case 'eq':
      return (labels) => of(labels) === value;
    case 'ne':
      return (labels) => of(labels) !== value;
    case 'matches': {
      const pattern = anchored(value);
      return (labels) => pattern.test(of(labels).slice(0, MATCHED_CHARS_MAX));
    }
    case 'notMatches': {
      const pattern = anchored(value);
      return (labels) => !pattern.test(of(labels).slice(0, MATCHED_CHARS_MAX));
    }
  }
}

/** As in Alertmanager: the whole value has to match. */
const anchored = (value: string): RegExp => new RegExp(`^(?:${value})$`, 'su');

const SIGN = { eq: '=', ne: '!=', matches: '=~', notMatches: '!~' } as const;

/** `{severity="critical",service=~"api|web"}`: as people write them, and the same for the same matchers. */
export const matchersText = (matchers: readonly Matcher[]): string =>
  `{${matchers.map(({ label, op, value }) => `${label}${SIGN[op]}${JSON.stringify(value)}`).join(',')}}`;

/** `{alertname="slow", service="api"}`, sorted by name. */
export const labelsText = (labels: Labels): string =>
  `{${Object.keys(labels)
    .sort()
    .map((name) => `${name}=${JSON.stringify(labels[name])}`)
    .join(', ')}}`;
