/** Parts of rules and receivers as people write and see them, the same in the configuration and in answers. */
import type { AlarmMeasure, Bound } from './alarm.ts';

/** `sum(amount)`, `quantile(duration_ms, 0.99)`. */
export function measureText(measure: AlarmMeasure): string {
  if (!('field' in measure) || measure.field === undefined) return measure.op;
  const { op, field } = measure;
  return 'q' in measure ? `${op}(${field}, ${measure.q})` : `${op}(${field})`;
}

export const boundText = ({ fire, clear }: Bound) => (fire === clear ? fire : { fire, clear });

/** An address without user, password and path: the path of a webhook is often its only secret. */
export function shownAddress(address: string): string {
  if (!URL.canParse(address)) return '***';
  const { protocol, host, pathname, search } = new URL(address);
  const isBare = (pathname === '/' || pathname === '') && search === '';
  return `${protocol}//${host}${isBare ? '' : '/***'}`;
}
