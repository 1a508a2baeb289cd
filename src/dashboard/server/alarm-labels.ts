/** The labels of an alarm in words. */
import type { Label } from './answers.ts';

/** Labels that every alarm has, for its receivers. */
const TOLD_BESIDE: ReadonlySet<string> = new Set(['alertname', 'severity', 'stream', 'tenant']);

export const labelsInWords = (labels: readonly Label[]): string =>
  labels
    .filter(({ name }) => !TOLD_BESIDE.has(name))
    .map(({ name, value }) => `${name}=${value ?? '–'}`)
    .join(' ');
