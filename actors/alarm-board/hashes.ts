/** Names made of content: the same wherever and whenever they are made. */
import { createHash } from 'node:crypto';
import type { GroupValues } from '../../src/model/alarm.ts';
import type { Labels } from './matchers.ts';

/** Hexadecimal digits; 16 for what people see, 32 where two that are equal would be a fault. */
export const hashOf = (parts: readonly unknown[], digits: 16 | 32): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, digits);

/** As a key of maps: the names of rules and receivers are unique in their tenant only. */
export const nameKey = ({ tenant, name }: { readonly tenant: string; readonly name: string }) =>
  JSON.stringify([tenant, name]);

export const alarmId = (tenant: string, rule: string, group: GroupValues): string =>
  hashOf([tenant, rule, group], 16);

/**
 * Of the labels but the severity: an alarm that escalates stays the same one for whoever opened an incident for it, and
 * its end closes that.
 */
export const fingerprintOf = (labels: Labels): string =>
  hashOf(
    Object.entries(labels)
      .filter(([name]) => name !== 'severity')
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    16,
  );
