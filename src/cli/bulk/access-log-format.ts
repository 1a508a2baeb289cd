/** The formats of access logs, as nginx or Apache write them: what stands in a line, and what is between. */
import { AppError } from '../../model/errors.ts';
import { latin1Of } from './import-format.ts';

const COMMON = '%h %l %u %t "%r" %>s %b';
const REFERER_AND_AGENT = '"%{Referer}i" "%{User-Agent}i"';
const COMBINED = `${COMMON} ${REFERER_AND_AGENT}`;
/** As both servers name them where they come with them: `main` is of nginx, `vhost_combined` of Apache on Debian. */
export const NAMED_FORMATS: Readonly<Record<string, string>> = {
  common: COMMON,
  combined: COMBINED,
  main: `${COMBINED} "%{X-Forwarded-For}i"`,
  vhost_combined: `%v:%p %h %l %u %t "%r" %>s %O ${REFERER_AND_AGENT}`,
};

const QUOTED = '"(?:[^"\\\\]|\\\\.)*"';
const COMMON_LINE = `\\S+ \\S+ \\S+ \\[[^\\]]+\\] ${QUOTED} \\d{3} (?:\\d+|-)`;
const COMBINED_LINE = `${COMMON_LINE} ${QUOTED} ${QUOTED}`;
const ADDRESS = '(?:\\d{1,3}(?:\\.\\d{1,3}){3}|[\\da-fA-F]*:[\\da-fA-F:.]+|unknown)';
/** Whole lines, so that none is of two formats: what a longer one has at its end would be taken for a part of the last value of a shorter. */
const LINES: Readonly<Record<string, RegExp>> = {
  common: lineOf(COMMON_LINE),
  combined: lineOf(COMBINED_LINE),
  main: lineOf(`${COMBINED_LINE} "(?:-|${ADDRESS}(?:, ?${ADDRESS})*)"`),
  vhost_combined: lineOf(`\\S+:\\d+ ${COMBINED_LINE}`),
};

/** Of the named ones that of at least half of these lines; undefined if there is none. */
export const namedFormatOf = (lines: readonly string[]): string | undefined =>
  Object.keys(LINES).find(
    (name) => 2 * lines.filter((line) => LINES[name]?.test(line)).length >= lines.length,
  );

function lineOf(pattern: string): RegExp {
  return new RegExp(`^${pattern}\\r?$`);
}

/** What is no field of its own: the time, a request line of three parts, and what nobody asks for. */
export type Kind = 'text' | 'number' | 'time' | 'request' | 'path' | 'ignored';
interface Variable {
  readonly field: string;
  readonly kind: Kind;
}
export interface Part extends Variable {
  /** What stands behind it; empty: up to the end of the line. */
  readonly until: string;
}

const text = (field: string): Variable => ({ field, kind: 'text' });
const number = (field: string): Variable => ({ field, kind: 'number' });
const TIME: Variable = { field: 'ts', kind: 'time' };
const REQUEST: Variable = { field: 'request', kind: 'request' };
const PATH: Variable = { field: 'path', kind: 'path' };

/** Both servers' names for one thing make one field. */
const NGINX: Readonly<Record<string, Variable>> = {
  time_local: TIME,
  time_iso8601: TIME,
  msec: TIME,
  request: REQUEST,
  request_uri: PATH,
  uri: PATH,
  request_method: text('method'),
  args: text('query'),
  query_string: text('query'),
  server_protocol: text('protocol'),
  remote_user: text('user'),
  status: number('status'),
  body_bytes_sent: number('bytes'),
  bytes_sent: number('bytes_sent'),
  request_length: number('request_length'),
  request_time: number('request_time'),
  upstream_response_time: number('upstream_response_time'),
  http_referer: text('referer'),
  http_user_agent: text('user_agent'),
};
const APACHE: Readonly<Record<string, Variable>> = {
  h: text('remote_addr'),
  a: text('remote_addr'),
  l: { field: 'ident', kind: 'ignored' },
  u: text('user'),
  t: TIME,
  r: REQUEST,
  s: number('status'),
  b: number('bytes'),
  B: number('bytes'),
  O: number('bytes_sent'),
  I: number('request_length'),
  D: number('duration_us'),
  T: number('duration_s'),
  v: text('host'),
  V: text('host'),
  m: text('method'),
  U: PATH,
  q: text('query'),
  H: text('protocol'),
  p: number('port'),
  P: number('pid'),
};

/** Throws `config_invalid` if it is none. */
export function compileFormat(name: string): {
  readonly format: string;
  readonly head: string;
  readonly parts: readonly Part[];
} {
  const format = Object.hasOwn(NAMED_FORMATS, name) ? `${NAMED_FORMATS[name]}` : name;
  // What has a name of its own has no "$": Apache's "%{Cookie}i" and such.
  const isApache = /%[{<>!\d,]*[a-zA-Z]/.test(format);
  const pattern = isApache
    ? /%(?:[!\d,]*)[<>]?(?:\{([^}]+)\})?([a-zA-Z%])/g
    : /\$(?:\{(\w+)\}|(\w+))/g;
  const found = [...format.matchAll(pattern)].filter(([all]) => all !== '%%');
  const literal = (from: number, to?: number) =>
    latin1Of(format.slice(from, to).replaceAll('%%', '%'));
  let head = literal(0, found[0]?.index);
  const parts = found.map((match, i): Part => {
    const variable = isApache ? apacheVariable(match) : nginxVariable(`${match[1] ?? match[2]}`);
    const behind = match.index + match[0].length;
    let until = literal(behind, found[i + 1]?.index);
    // Apache's time has brackets of its own.
    if (match[0] === '%t') until = `]${until}`;
    if (found[i + 1]?.[0] === '%t') until = `${until}[`;
    if (until === '' && i < found.length - 1)
      throw notUsable(format, `nothing separates ${match[0]} from what follows`);
    return { ...variable, until };
  });
  if (found[0]?.[0] === '%t') head = `${head}[`;
  if (!parts.some(({ kind }) => kind === 'time')) throw notUsable(format, 'it has no time');
  return { format, head, parts };
}

function nginxVariable(name: string): Variable {
  return (Object.hasOwn(NGINX, name) ? NGINX[name] : undefined) ?? text(name.replace(/^http_/, ''));
}

function apacheVariable([all, argument, letter = '']: RegExpMatchArray): Variable {
  if (argument !== undefined && /[ioeCn]/.test(letter)) {
    return text(argument.toLowerCase().replaceAll(/\W/g, '_'));
  }
  const known =
    argument === undefined && Object.hasOwn(APACHE, letter) ? APACHE[letter] : undefined;
  return known ?? text(all.replaceAll(/\W/g, ''));
}

const notUsable = (format: string, why: string): AppError =>
  new AppError(
    'config_invalid',
    `--format: expected ndjson, csv, ${Object.keys(NAMED_FORMATS).join(', ')} or a format of nginx or Apache with a time in it, such as '$remote_addr [$time_local] "$request" $status', received ${JSON.stringify(format)}: ${why}`,
  );
