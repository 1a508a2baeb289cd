/** What DuckDB answers as JSON has it: numbers as long as they are exact, times as text in UTC, maps as objects. */
import type { DuckDBValue } from '@duckdb/node-api';

/** `duck` is the module itself: whoever imports this need not load it. */
export function plainValues(
  duck: typeof import('@duckdb/node-api'),
): (value: DuckDBValue) => unknown {
  const plain = (value: DuckDBValue): unknown => {
    switch (typeof value) {
      case 'bigint':
        return isExact(value) ? Number(value) : String(value);
      case 'number':
        return Number.isFinite(value) ? value : String(value);
      case 'object':
        return value === null ? null : plainObject(value);
      default:
        return value;
    }
  };
  const plainObject = (value: Exclude<DuckDBValue, null> & object): unknown => {
    if (value instanceof duck.DuckDBMapValue) {
      return Object.fromEntries(
        value.entries.map((entry) => [text(entry.key), plain(entry.value)]),
      );
    }
    if (value instanceof duck.DuckDBStructValue) {
      return Object.fromEntries(
        Object.entries(value.entries).map(([name, item]) => [name, plain(item)]),
      );
    }
    if (value instanceof duck.DuckDBListValue || value instanceof duck.DuckDBArrayValue) {
      return value.items.map(plain);
    }
    if (value instanceof duck.DuckDBDecimalValue) {
      return isExact(value.value) ? value.toDouble() : String(value);
    }
    if (
      value instanceof duck.DuckDBTimestampValue ||
      value instanceof duck.DuckDBTimestampTZValue
    ) {
      return utc(value.micros) ?? String(value);
    }
    return String(value);
  };
  const text = (key: DuckDBValue): string => {
    const shown = plain(key);
    return typeof shown === 'string' ? shown : JSON.stringify(shown);
  };
  return plain;
}

const isExact = (value: bigint): boolean =>
  value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER;

/** To the millisecond, unless there is more of it; undefined for what no calendar has. */
function utc(micros: bigint): string | undefined {
  const date = new Date(Number(micros / 1_000n));
  if (Number.isNaN(date.getTime())) return undefined;
  const rest = micros % 1_000n;
  const iso = date.toISOString();
  return rest > 0n ? `${iso.slice(0, -1)}${String(rest).padStart(3, '0')}Z` : iso;
}
