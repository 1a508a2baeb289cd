/** Numbers and durations as people read them. */

/** Six significant digits: a value is read, not computed with. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(6)));
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

/** The two greatest units that are not zero: `2h 5m`, `90 s` is `1m 30s`, nothing is `0s`. */
export function formatDuration(durationMs: number): string {
  let restMs = Math.abs(Math.round(durationMs));
  const parts: string[] = [];
  for (const [unit, unitMs] of UNITS) {
    const amount = Math.floor(restMs / unitMs);
    restMs -= amount * unitMs;
    if (amount > 0) parts.push(`${amount}${unit}`);
  }
  return `${durationMs < 0 ? '-' : ''}${parts.slice(0, 2).join(' ') || '0s'}`;
}
