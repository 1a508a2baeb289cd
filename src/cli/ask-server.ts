/** Asks a running server over GraphQL, as commands do that need one. The configuration says where it listens. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { AppError } from '../model/errors.ts';

export interface AskServer {
  /** Of the query listener. */
  readonly origin: string;
  /** Rejects with `query_invalid` and what the server said, or `query_timeout` if it says nothing. */
  ask<T>(query: string, variables?: Readonly<Record<string, unknown>>): Promise<T>;
}

interface GraphQLAnswer<T> {
  readonly data?: T;
  readonly errors?: readonly { readonly message: string }[];
}

/** No answer is waited for longer. */
const TIMEOUT_MS = 60_000;

export const addServerOptions = (command: Command, scope = 'admin'): Command =>
  command
    .option('--url <url>', 'of the query listener (default: as the configuration says)')
    .option('--key-file <file>', `holds a key with scope ${scope}, if the server has keys`);

export const addIngestOptions = (command: Command, scope = 'write'): Command =>
  command
    .option('--ingest-url <url>', 'of the ingest listener (default: as the configuration says)')
    .option('--key-file <file>', `holds a key with scope ${scope}, if the server has keys`);

export interface ServerAddress {
  readonly url: URL;
  readonly headers: { readonly authorization?: string };
}

const LISTENERS = {
  query: { option: 'url', flag: '--url', port: 'queryPort' },
  ingest: { option: 'ingestUrl', flag: '--ingest-url', port: 'ingestPort' },
} as const;

/** Of a listener, with what a request to it says of who asks. */
export function serverAddress(
  config: Config,
  options: Readonly<Record<string, unknown>>,
  path: string,
  listener: keyof typeof LISTENERS = 'query',
): ServerAddress {
  const { option, flag, port } = LISTENERS[listener];
  const base = options[option] === undefined ? urlOf(config, port) : `${options[option]}`;
  const url = URL.canParse(path, base) ? new URL(path, base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new AppError(
      'config_invalid',
      `${flag}: expected an address such as ${urlOf(config, port)}, received "${base}"`,
    );
  }
  return { url, headers: authorization(options['keyFile']) };
}

/** What is said where nobody answers. */
export function noServer({ origin }: URL, cause: unknown, flag = '--url'): AppError {
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new AppError(
    'query_timeout',
    `no server answers at ${origin} (${reason instanceof Error ? reason.message : reason}): start it, or say with ${flag} where it is`,
    {},
    cause,
  );
}

/** `stop`: whoever asks has gone, and waits for nothing. */
export function askServer(
  config: Config,
  options: Readonly<Record<string, unknown>>,
  stop?: AbortSignal,
): AskServer {
  const { url, headers: who } = serverAddress(config, options, '/graphql');
  const headers = { 'content-type': 'application/json', ...who };
  return {
    origin: url.origin,
    async ask<T>(query: string, variables = {}) {
      const body = JSON.stringify({ query, variables });
      const { data, errors } = await post<T>(url, headers, body, stop);
      if (data !== undefined && errors === undefined) return data;
      const said = errors?.map(({ message }) => message).join('; ') ?? 'nothing';
      throw new AppError('query_invalid', `the server at ${url.origin} said: ${said}`);
    },
  };
}

async function post<T>(
  url: URL,
  headers: Record<string, string>,
  body: string,
  stop: AbortSignal | undefined,
): Promise<GraphQLAnswer<T>> {
  let text: string;
  try {
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    const signal = stop === undefined ? timeout : AbortSignal.any([stop, timeout]);
    text = await (await fetch(url, { method: 'POST', headers, body, signal })).text();
  } catch (cause) {
    throw noServer(url, cause);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new AppError(
      'query_invalid',
      `${url.origin} is no Streamgauge's query listener`,
      {},
      cause,
    );
  }
}

function urlOf({ listen, tls }: Config, port: 'queryPort' | 'ingestPort'): string {
  const { host } = listen;
  const reached = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const shown = reached.includes(':') ? `[${reached}]` : reached;
  return `${tls === undefined ? 'http' : 'https'}://${shown}:${listen[port]}`;
}

function authorization(file: unknown): { authorization?: string } {
  if (typeof file !== 'string') return {};
  try {
    return { authorization: `Bearer ${readFileSync(file, 'utf8').trim()}` };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      'config_invalid',
      `--key-file: expected a file with a key in it: ${reason}`,
      { path: file },
      cause,
    );
  }
}
