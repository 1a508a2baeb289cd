/**
 * The scalar kinds of the configuration. Each reads one raw value, which is text when it comes from the
 * environment or a flag, and says in words what it allows: that sentence is the whole error message.
 */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { isStreamName, STREAM_NAME_RULE } from '../model/stream-name.ts';
import { type Bytes, bytes, type DurationMs, durationMs } from '../model/units.ts';

/** `read` returns undefined for a value that is not allowed. */
export function scalar<T>(allowed: string, read: (raw: unknown) => T | undefined) {
  return z.unknown().transform((raw, context): T => {
    const value = read(raw);
    if (value !== undefined) return value;
    context.addIssue({ code: 'custom', message: `expected ${allowed}` });
    return z.NEVER;
  });
}

export const integer = (min: number, max: number) =>
  scalar(`an integer from ${grouped(min)} to ${grouped(max)}`, (raw) => {
    const value = typeof raw === 'string' && /^-?\d{1,16}$/.test(raw) ? Number(raw) : raw;
    return isIntegerWithin(value, min, max) ? value : undefined;
  });

export const oneOf = <const T extends readonly string[]>(values: T) =>
  scalar(`one of ${values.join(', ')}`, (raw): T[number] | undefined =>
    values.find((value) => value === raw),
  );

/** From a file it is a boolean, from the environment a text. */
export const yes = scalar('true or false', (raw) => {
  if (typeof raw === 'boolean') return raw;
  return raw === 'true' || raw === 'false' ? raw === 'true' : undefined;
});

/** Free text: a host name or a path. */
export const text = (what: string, lengthMax = 4096) =>
  scalar(what, (raw) =>
    typeof raw === 'string' && raw.length > 0 && raw.length <= lengthMax && !raw.includes('\0')
      ? raw
      : undefined,
  );

/** Tenants, rollups and keys: they become parts of storage keys, paths and metric labels. */
export const name = (what: string) =>
  scalar(`${what}: 1 to 64 letters, digits, "_" or "-"`, (raw) =>
    typeof raw === 'string' && /^[\w-]{1,64}$/.test(raw) ? raw : undefined,
  );

/** As senders may write it. */
export const streamName = scalar(`a stream: ${STREAM_NAME_RULE}`, (raw) =>
  typeof raw === 'string' && isStreamName(raw) ? raw : undefined,
);

const BYTE_UNITS = new Map([
  ['', 1],
  ['b', 1],
  ['kb', 1e3],
  ['mb', 1e6],
  ['gb', 1e9],
  ['tb', 1e12],
  ['kib', 2 ** 10],
  ['mib', 2 ** 20],
  ['gib', 2 ** 30],
  ['tib', 2 ** 40],
]);

/** A size: a number of bytes, or text with a unit. */
export const size = (min: number, max: number) =>
  scalar(
    `a size from ${formatBytes(min)} to ${formatBytes(max)}, such as "64 MiB" or a number of bytes`,
    (raw): Bytes | undefined => {
      const value = Math.round(amount(raw, BYTE_UNITS));
      return isIntegerWithin(value, min, max) ? bytes(value) : undefined;
    },
  );

const DURATION_UNITS = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['min', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
  ['w', 7 * 86_400_000],
  ['y', 365 * 86_400_000],
]);

/** A duration with its unit in the value. A bare number is refused, because nobody can see what it means. */
export const duration = (min: number, max: number) =>
  scalar(
    `a duration from ${formatDuration(min)} to ${formatDuration(max)} with its unit, such as "10s", "2h" or "14d"`,
    (raw) => durationWithin(amount(raw, DURATION_UNITS), min, max),
  );

/** A duration whose key ends in `Ms`: a number of milliseconds, or text with a unit. */
export const milliseconds = (min: number, max: number) =>
  scalar(
    `milliseconds from ${grouped(min)} to ${grouped(max)}, or a duration such as "2s"`,
    (raw) => {
      const bare = typeof raw === 'number' || (typeof raw === 'string' && /^\d+$/.test(raw));
      return durationWithin(bare ? Number(raw) : amount(raw, DURATION_UNITS), min, max);
    },
  );

/** One address or one network in CIDR notation. */
export const network = () =>
  scalar('an IP address or a network such as "10.0.0.0/8"', (raw) =>
    typeof raw === 'string' && isNetwork(raw) ? raw : undefined,
  );

/** A browser's origin exactly as it sends it, or `*`. */
export const origin = () =>
  scalar('an origin such as "https://example.org" (no path), or "*"', (raw) =>
    typeof raw === 'string' && (raw === '*' || isOrigin(raw)) ? raw : undefined,
  );

/** The address can be reached only from this machine. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost') return true;
  const family = isIP(host);
  return family !== 0 && LOOPBACK.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** The largest unit that divides the value, so that it reads back to the same number. */
export function formatDuration(ms: number): string {
  const unit = ['d', 'h', 'm', 's'].find((u) => ms > 0 && ms % (DURATION_UNITS.get(u) ?? 1) === 0);
  return unit === undefined ? `${ms}ms` : `${ms / (DURATION_UNITS.get(unit) ?? 1)}${unit}`;
}

export function formatBytes(size: number): string {
  const unit = ['TiB', 'GiB', 'MiB', 'KiB'].find(
    (u) => size > 0 && size % (BYTE_UNITS.get(u.toLowerCase()) ?? 1) === 0,
  );
  return unit === undefined
    ? `${size} B`
    : `${size / (BYTE_UNITS.get(unit.toLowerCase()) ?? 1)} ${unit}`;
}

/** The number in the base unit; NaN for text that is not a number with a known unit. */
function amount(raw: unknown, units: ReadonlyMap<string, number>): number {
  if (typeof raw === 'number') return units.has('') ? raw : Number.NaN;
  const parts = typeof raw === 'string' ? /^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$/.exec(raw) : null;
  const factor = units.get(parts?.[2]?.toLowerCase() ?? 'none');
  return parts === null || factor === undefined ? Number.NaN : Number(parts[1]) * factor;
}

function durationWithin(ms: number, min: number, max: number): DurationMs | undefined {
  return isIntegerWithin(ms, min, max) ? durationMs(ms) : undefined;
}

function isIntegerWithin(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
}

function isNetwork(value: string): boolean {
  const [address = '', prefix, ...rest] = value.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && +prefix <= (family === 6 ? 128 : 32));
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value;
}

function grouped(value: number): string {
  return value.toLocaleString('en');
}
