/** Lengths of time as the server reads and writes them. Pure. */

const UNITS = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'm', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** The shortest exact form, as rules have it: `300000` is "5m". */
export function lengthText(ms: number): string {
  if (ms === 0) return '0s';
  const fits = UNITS.find((each) => ms % each.ms === 0);
  return fits === undefined ? `${ms}ms` : `${ms / fits.ms}${fits.unit}`;
}

/** Undefined: it is none that is known here. */
export function lengthMs(text: unknown): number | undefined {
  const [, digits, name] = /^(\d+)(ms|s|m|h|d)$/.exec(String(text)) ?? [];
  const ms = name === 'ms' ? 1 : UNITS.find(({ unit }) => unit === name)?.ms;
  return ms === undefined ? undefined : Number(digits) * ms;
}
