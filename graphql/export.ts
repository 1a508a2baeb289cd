/** `/v1/export`: the events of a range as a file, sent while it is read. */
import type { GraphQLError } from 'graphql';
import type { ByteSource } from '../src/model/byte-source.ts';
import { AppError } from '../src/model/errors.ts';
import { EPOCH_MS_MAX, EPOCH_MS_MIN } from '../src/model/units.ts';
import type { ExportFormat } from '../src/query/cold/cold-port.ts';
import type { ExportRequest } from '../src/query/cold/cold-queries.ts';
import type { Access } from './authorize.ts';
import { maskError } from './error-mask.ts';
import { exportRequest } from './export-request.ts';
import type { Exchange } from './http.ts';
import { BODY_BYTES_MAX } from './limits.ts';
import { coldOf } from './resolvers/events.ts';
import type { RouteOptions } from './routes.ts';

const MEDIA_TYPE: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson',
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

const STATUS: Readonly<Record<string, number>> = {
  query_invalid: 400,
  query_overload: 503,
  archive_unavailable: 503,
  query_timeout: 504,
};
/** An export that runs has minutes to go, mostly. */
const RETRY_AFTER_SECONDS = '30';

/** What is refused is told as JSON; what fails later breaks the connection off. */
export async function sendExport(
  exchange: Exchange,
  { cold, logger }: Pick<RouteOptions, 'cold' | 'logger'>,
  { tenant, keyId }: Access,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { signal } = exchange;
  let request: ExportRequest;
  let body: ByteSource;
  try {
    const takesGzip = acceptsGzip(exchange.head.headers.get('accept-encoding') ?? '');
    request = exportRequest(await parametersOf(exchange), tenant, takesGzip);
    const source = await coldOf({ cold }).export(request);
    signal.addEventListener('abort', () => source.close());
    if (signal.aborted) source.close();
    body = await begun(source);
  } catch (error) {
    return refuse(exchange, maskError(error, logger), headers);
  }
  const { stream, format, gzip } = request;
  const what = { tenant, keyId, stream, format };
  logger.info(what, 'an export begins');
  const head = {
    ...headers,
    'content-type': MEDIA_TYPE[format],
    'content-disposition': `attachment; filename="${fileName(request)}"`,
    ...(gzip && { 'content-encoding': 'gzip' }),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    vary: 'accept-encoding, origin',
  };
  try {
    await exchange.stream(head, body);
  } catch (error) {
    // Its client has seen a broken connection, and no reason.
    logger.error({ ...what, err: error }, 'an export was broken off');
  }
}

/** Of the URL, or of a body: conditions may be longer than a URL. */
async function parametersOf(exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
  const { method, query, headers } = exchange.head;
  const inUrl = parametersIn(query);
  if (method === 'get') return inUrl;
  const isJson = /^application\/json\s*(?:;|$)/i.test(headers.get('content-type') ?? '');
  const body = isJson ? await exchange.body(BODY_BYTES_MAX) : undefined;
  const inBody = body && parsed(body.toString());
  if (typeof inBody === 'object' && inBody !== null && !Array.isArray(inBody)) {
    const given = Object.entries(inBody).filter(([, value]) => value !== null);
    return { ...inUrl, ...Object.fromEntries(given) };
  }
  throw new AppError(
    'query_invalid',
    `a POST has its parameters as a JSON object of at most ${BODY_BYTES_MAX} bytes, with Content-Type: application/json`,
  );
}

/** Of one that is there twice nobody can say which is meant. */
function parametersIn(query: string): Record<string, string> {
  const all = [...new URLSearchParams(query)];
  const names = all.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return Object.fromEntries(all);
  throw new AppError('query_invalid', `the parameter "${twice.slice(0, 64)}" may be given once`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const acceptsGzip = (header: string): boolean =>
  header.split(',').some((part) => {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    return name === 'gzip' && !parameters.some((text) => /^q=0(?:\.0*)?$/.test(text));
  });

/** Rejects if it fails before its first byte: then that can still be said. */
async function begun(source: ByteSource): Promise<ByteSource> {
  let first = await source.next();
  if (first === undefined) return source;
  return {
    next() {
      if (first === undefined) return source.next();
      const piece = Promise.resolve(first);
      first = undefined;
      return piece;
    },
    close: () => source.close(),
  };
}

/** A header takes few signs: what else a stream is called by becomes `_`. */
function fileName({ stream, format, fromMs, toMs }: ExportRequest): string {
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const from = fromMs === EPOCH_MS_MIN ? [] : [day(fromMs)];
  const to = toMs > EPOCH_MS_MAX ? [] : [`to-${day(toMs)}`];
  return `${[stream.replaceAll(/[^\w.-]/gu, '_').slice(0, 64), ...from, ...to].join('-')}.${format}`;
}

export const errorJson = (code: string, message: string): string =>
  JSON.stringify({ error: { code, message } });

function refuse(
  exchange: Exchange,
  { message, extensions }: GraphQLError,
  headers: Readonly<Record<string, string>>,
): void {
  const code = String(extensions['code']);
  const status = STATUS[code] ?? 500;
  exchange.reply(
    status,
    {
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      ...(status === 503 && { 'retry-after': RETRY_AFTER_SECONDS }),
    },
    errorJson(code, message),
  );
}
