/** A file as an answer that is sent while it is made: what is asked for, what is refused, what breaks off. */
import type { GraphQLError } from 'graphql';
import type { ByteSource } from '../src/model/byte-source.ts';
import { AppError } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { maskError } from './error-mask.ts';
import type { Exchange } from './http.ts';
import { BODY_BYTES_MAX } from './limits.ts';

export interface FileToSend {
  readonly source: ByteSource;
  readonly fileName: string;
  readonly mediaType: string;
  readonly isGzip: boolean;
  /** For the log. */
  readonly what: object;
}

const STATUS: Readonly<Record<string, number>> = {
  query_invalid: 400,
  query_overload: 503,
  archive_unavailable: 503,
  query_timeout: 504,
};
/** An export that runs has minutes to go, mostly. */
const RETRY_AFTER_SECONDS = '30';

/** What is refused is told as JSON; what fails later breaks the connection off. */
export async function sendFile(
  exchange: Exchange,
  logger: Logger,
  headers: Readonly<Record<string, string>>,
  open: () => Promise<FileToSend>,
): Promise<void> {
  const { signal } = exchange;
  let file: FileToSend;
  let body: ByteSource;
  try {
    file = await open();
    const { source } = file;
    signal.addEventListener('abort', () => source.close());
    if (signal.aborted) source.close();
    body = await begun(source);
  } catch (error) {
    return refuse(exchange, maskError(error, logger), headers);
  }
  const { what, mediaType, fileName, isGzip } = file;
  logger.info(what, 'an export begins');
  const head = {
    ...headers,
    'content-type': mediaType,
    'content-disposition': `attachment; filename="${fileName}"`,
    ...(isGzip && { 'content-encoding': 'gzip' }),
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
export async function parametersOf(exchange: Exchange): Promise<Readonly<Record<string, unknown>>> {
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

export const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };

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
