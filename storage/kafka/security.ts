/**
 * How we show ourselves to brokers, and they to us. Whatever is in a file is read anew for each connection: passwords, tokens and
 * certificates are changed while servers run.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type ConnectionOptions as TlsOptions } from 'node:tls';
import { AuthenticationError, type SASLOptions } from '@platformatic/kafka';
import { AppError } from '../../src/model/errors.ts';
import { TokenEndpoint } from './token-endpoint.ts';

export const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;

export interface KafkaTls {
  readonly enabled: boolean;
  /** PEM files. Without `caFile` whom Node.js trusts. */
  readonly caFile?: string | undefined;
  /** The client's, with its chain: for brokers that want to see one. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Who the broker's certificate has to be for, where that is not the host that is connected to. */
  readonly serverName?: string | undefined;
}

/** Of a pair of a secret and its file one is given; of OAUTHBEARER either a file of a token or where to get one. */
export interface KafkaSasl {
  readonly mechanism: (typeof SASL_MECHANISMS)[number];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly tokenFile?: string | undefined;
  /** Of an OAuth 2 server: tokens are got there with the client's credentials. */
  readonly tokenUrl?: string | undefined;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
  readonly clientSecretFile?: string | undefined;
  readonly scope?: string | undefined;
  /** Of the token server. */
  readonly caFile?: string | undefined;
}

/** What clients of the Kafka library take. */
export interface SecurityOptions {
  readonly tls?: TlsOptions;
  readonly tlsServerName?: string;
  readonly sasl?: SASLOptions;
}

interface KafkaSecurity {
  readonly tls?: KafkaTls | undefined;
  readonly sasl?: KafkaSasl | undefined;
}

/** Those of settings that are in use: a token serves all connections until it is old. */
const known = new WeakMap<KafkaSecurity, SecurityOptions>();

/** Rejects with `log_denied` if a file cannot be read now, or the certificates are none. */
export async function securityOptions(security: KafkaSecurity): Promise<SecurityOptions> {
  const { tls, sasl } = security;
  const options = known.get(security) ?? {
    ...(tls?.enabled && {
      tls: tlsOptions(tls),
      ...(tls.serverName !== undefined && { tlsServerName: tls.serverName }),
    }),
    ...(sasl && { sasl: await saslOptions(sasl) }),
  };
  known.set(security, options);
  return options;
}

/** Its getters are read for each connection. */
function tlsOptions({ caFile, certFile, keyFile }: KafkaTls): TlsOptions {
  const options: TlsOptions = {};
  for (const [name, file] of Object.entries({ ca: caFile, cert: certFile, key: keyFile })) {
    if (file === undefined) continue;
    let newest = readPem(file);
    const get = (): string => {
      try {
        newest = readPem(file);
      } catch {
        // It is being replaced just now, perhaps: what was there is what there is.
      }
      return newest;
    };
    Object.defineProperty(options, name, { enumerable: true, get });
  }
  try {
    createSecureContext({ ...options });
  } catch (cause) {
    const files = [caFile, certFile, keyFile].filter((file) => file !== undefined).join(', ');
    throw denied(`the certificates for Kafka in ${files} are not usable: ${wordsOf(cause)}`, cause);
  }
  return options;
}

async function saslOptions(sasl: KafkaSasl): Promise<SASLOptions> {
  const { mechanism, username = '' } = sasl;
  if (mechanism === 'OAUTHBEARER') {
    return { mechanism, token: await tokenProvider(sasl), authBytesValidator: judgeToken };
  }
  const password = () => secretOf('the password', sasl.password, sasl.passwordFile);
  await password();
  return { mechanism, username, password };
}

/** A broker answers a token that it does not take with a reason, and one that it takes with nothing (RFC 7628, section 3.2). */
const judgeToken: NonNullable<SASLOptions['authBytesValidator']> = (reason, callback) => {
  if (reason.length === 0) callback(null, reason);
  else callback(new AuthenticationError(`it answers ${reason.toString()}`));
};

async function tokenProvider(sasl: KafkaSasl): Promise<() => Promise<string>> {
  const { tokenFile, tokenUrl, clientId = '', clientSecret, clientSecretFile } = sasl;
  if (tokenUrl === undefined) {
    const token = () => secretOf('the token', undefined, tokenFile);
    await token();
    return token;
  }
  const secret = () => secretOf('the secret of the client', clientSecret, clientSecretFile);
  await secret();
  const { scope, caFile } = sasl;
  const ca = caFile === undefined ? undefined : readPem(caFile);
  const endpoint = new TokenEndpoint({ url: new URL(tokenUrl), clientId, secret, scope, ca });
  return () => endpoint.token();
}

async function secretOf(
  what: string,
  value: string | undefined,
  file: string | undefined,
): Promise<string> {
  if (value !== undefined) return value;
  if (file === undefined) throw denied(`${what} for Kafka is not configured`);
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw denied(`cannot read ${what} for Kafka from ${file}: ${wordsOf(cause)}`, cause, file);
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw denied(`cannot read certificates for Kafka from ${file}: ${wordsOf(cause)}`, cause, file);
  }
}

const denied = (message: string, cause?: unknown, path?: string): AppError =>
  new AppError('log_denied', message, path === undefined ? {} : { path }, cause);

const wordsOf = (cause: unknown): string => (cause instanceof Error ? cause.message : `${cause}`);
