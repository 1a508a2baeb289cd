/** Times as logs and tables write them, as epoch milliseconds; undefined for what is none. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const COMMON_LOG = /^(\d\d)\/([A-Z][a-z]{2})\/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)$/;
const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?) ?(Z|[+-]\d\d:?\d\d)?)?$/i;
const NUMBER = /^\d{1,19}(?:\.\d{1,9})?$/;

/** Lines that follow each other mostly have the same second. */
let lastText = '';
let lastMs: number | undefined;

/** "10/Oct/2000:13:55:36 -0700", RFC 3339, the same without a zone, which is then UTC, a day, or a number: see `epochMs`. */
export function timeMs(text: string): number | undefined {
  if (text === lastText) return lastMs;
  lastMs = parsed(text);
  lastText = text;
  return lastMs;
}

function parsed(text: string): number | undefined {
  if (NUMBER.test(text)) return epochMs(Number(text));
  const common = COMMON_LOG.exec(text);
  if (common !== null) return commonLogMs(common);
  const [, day, time = '00:00', zone = 'Z'] = ISO.exec(text) ?? [];
  if (day === undefined) return undefined;
  const ms = Date.parse(`${day}T${time.replace(',', '.')}${zone.toUpperCase()}`);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Seconds, milliseconds, micro- or nanoseconds: of the times from 1973 to 5138 none can be taken for another. */
export function epochMs(value: number): number {
  if (value < 1e11) return Math.round(value * 1e3);
  if (value < 1e14) return value;
  return Math.floor(value < 1e17 ? value / 1e3 : value / 1e6);
}

function commonLogMs(parts: RegExpExecArray): number | undefined {
  const [, day, name, year, hour, minute, second, sign, zoneHour, zoneMinute] = parts;
  const month = MONTHS.indexOf(`${name}`);
  if (month === -1) return undefined;
  const local = Date.UTC(+`${year}`, month, +`${day}`, +`${hour}`, +`${minute}`, +`${second}`);
  if (new Date(local).getUTCDate() !== Number(day)) return undefined;
  const zone = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60_000;
  return sign === '-' ? local + zone : local - zone;
}
