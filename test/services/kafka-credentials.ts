/** Certificates and tokens for brokers of a test: made anew for each, and good for a day. */
import { execFileSync } from 'node:child_process';
import { createSign, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { TOKEN_AUDIENCE } from '../../deploy/local/kafka-security.ts';

export interface Certificates {
  /** Has signed all others; nobody else knows it. */
  readonly caFile: string;
  /** Of the broker, for 127.0.0.1 and the name `broker.test`: the key, then the certificate. */
  readonly keyStoreFile: string;
  /** Of a client. */
  readonly certFile: string;
  readonly keyFile: string;
}

export function makeCertificates(dir: string): Certificates {
  mkdirSync(dir, { recursive: true });
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const key = ['-newkey', 'rsa:2048', '-nodes'];
  const days = ['-days', '1'];
  const ca = ['-keyout', at('ca.key'), '-out', at('ca.pem'), '-subj', '/CN=test-ca'];
  openssl('req', '-x509', ...key, ...days, ...ca);
  for (const [name, subject, alternatives] of [
    ['broker', '/CN=broker', 'IP:127.0.0.1,DNS:broker.test'],
    ['client', '/CN=gauge', 'DNS:gauge'],
  ] as const) {
    const request = ['-keyout', at(`${name}.key`), '-out', at(`${name}.csr`), '-subj', subject];
    openssl('req', ...key, ...request);
    writeFileSync(at(`${name}.ext`), `subjectAltName=${alternatives}\n`);
    const signed = ['-in', at(`${name}.csr`), '-out', at(`${name}.pem`)];
    const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial'];
    openssl('x509', '-req', ...signed, ...signer, ...days, '-extfile', at(`${name}.ext`));
  }
  const broker = ['broker.key', 'broker.pem'].map((name) => readFileSync(at(name), 'utf8'));
  writeFileSync(at('broker.store.pem'), broker.join('\n'));
  return {
    caFile: at('ca.pem'),
    keyStoreFile: at('broker.store.pem'),
    certFile: at('client.pem'),
    keyFile: at('client.key'),
  };
}

/** Signs tokens with a key that is in its JWKS. */
export class TokenMaker {
  readonly jwksFile: string;
  readonly #key: KeyObject;

  constructor(dir: string) {
    mkdirSync(dir, { recursive: true });
    this.jwksFile = join(dir, 'jwks.json');
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.#key = privateKey;
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'test', alg: 'RS256', use: 'sig' };
    writeFileSync(this.jwksFile, JSON.stringify({ keys: [jwk] }));
  }

  make(subject: string, lifeS = 3_600): string {
    const now = Math.floor(Date.now() / 1_000);
    const claims = { sub: subject, aud: TOKEN_AUDIENCE, iat: now, exp: now + lifeS };
    const parts = [
      { alg: 'RS256', kid: 'test', typ: 'JWT' },
      { ...claims, jti: randomUUID() },
    ];
    const signed = parts
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = createSign('RSA-SHA256').update(signed).sign(this.#key, 'base64url');
    return `${signed}.${signature}`;
  }
}

export interface TokenServer {
  readonly url: string;
  /** As it was asked, one after the other. */
  readonly asked: readonly { readonly authorization: string; readonly body: string }[];
  close(): void;
}

/** Gives tokens to a client that knows the secret. */
export async function startTokenServer(
  maker: TokenMaker,
  { clientId, secret, lifeS }: { clientId: string; secret: string; lifeS: number },
): Promise<TokenServer> {
  const asked: { authorization: string; body: string }[] = [];
  const known = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { authorization = '' } = request.headers;
    asked.push({ authorization, body: Buffer.concat(chunks).toString() });
    const isKnown = authorization === known;
    const answer = isKnown
      ? { access_token: maker.make(clientId, lifeS), expires_in: lifeS, token_type: 'Bearer' }
      : { error: 'invalid_client' };
    response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/token`, asked, close: () => server.close() };
}
