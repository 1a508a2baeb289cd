/** What people read of an alarm: its labels, and the rule's texts with the alarm's own values in them. */
import type { AlarmRule, GroupValues, Severity } from '../model/alarm.ts';

/** Of one annotation with everything filled in. */
export const ANNOTATION_LENGTH_MAX = 4_096;

/**
 * Of later ones of the same name the last counts: a rule's own label never hides what the alarm is (its checks refuse
 * such names), and a group's value never does.
 */
export function labelsOf(
  rule: AlarmRule,
  alarm: { readonly group: GroupValues; readonly severity: Severity },
): Record<string, string> {
  return {
    ...rule.labels,
    ...Object.fromEntries(rule.groupBy.map((field, i) => [field, alarm.group[i] ?? ''])),
    alertname: rule.name,
    severity: alarm.severity,
    stream: rule.stream,
    tenant: rule.tenant,
  };
}

/** `{{value}}`, `{{threshold}}`, `{{severity}}` and `{{labels.NAME}}`; a name that does not exist is empty. */
export function annotationsOf(
  { annotations }: AlarmRule,
  labels: Readonly<Record<string, string>>,
  value: number | null,
  threshold: number | null,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(annotations).map(([name, text]) => [
      name,
      text
        .replaceAll(PLACE, (_, path: string) => filled(path.trim(), labels, value, threshold))
        .slice(0, ANNOTATION_LENGTH_MAX),
    ]),
  );
}

const PLACE = /\{\{([^{}]*)\}\}/g;
/** As much as a double is sure of, and no more digits than people read. */
const SIGNIFICANT_DIGITS = 6;

function filled(
  path: string,
  labels: Readonly<Record<string, string>>,
  value: number | null,
  threshold: number | null,
): string {
  switch (path) {
    case 'value':
      return numberText(value);
    case 'threshold':
      return numberText(threshold);
    case 'severity':
      return labels['severity'] ?? '';
    default: {
      const name = path.startsWith('labels.') ? path.slice('labels.'.length) : '';
      return Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
    }
  }
}

function numberText(value: number | null): string {
  if (value === null) return 'no value';
  return Number.isInteger(value) ? String(value) : String(+value.toPrecision(SIGNIFICANT_DIGITS));
}
