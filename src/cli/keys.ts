/** `streamgauge keys`: makes access keys. The server never keeps a secret key, only its hash. */
import { randomBytes } from 'node:crypto';
import { stringify } from 'yaml';
import { HASH_PREFIX } from '../config/schema.ts';
import { hashSecret, isSecret, type Scope, SECRET_PREFIX } from '../model/access.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** 256 bits: nobody guesses one, so that a plain hash of it is safe to keep. */
const SECRET_BYTES = 32;

export interface NewKey {
  readonly tenant: string;
  readonly scope: readonly Scope[];
  readonly id?: string;
  /** Kept in clear, because pages show it anyway. */
  readonly public?: boolean;
  readonly json?: boolean;
}

export function createKey(wanted: NewKey, terminal: Terminal): ExitCode {
  const secret = SECRET_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  const scopes = [...new Set(wanted.scope)];
  const entry = {
    id: wanted.id ?? `${scopes.join('-')}-${randomBytes(3).toString('hex')}`,
    tenant: wanted.tenant,
    scopes,
    ...(wanted.public ? { public: secret } : { hash: HASH_PREFIX + hashSecret(secret) }),
  };
  if (wanted.json) {
    terminal.out(`${JSON.stringify({ secret, entry }, undefined, 2)}\n`);
    return EXIT.ok;
  }
  const kept = wanted.public
    ? 'A public key may only write; it is kept in clear, because every page that uses it shows it.'
    : 'Shown this once. The configuration keeps only its SHA-256: a key of 256 random bits needs no slow hash.';
  terminal.out(
    `key: ${secret}\n\n${kept}\nAdd to the configuration file:\n\n${stringify({ keys: [entry] })}`,
  );
  return EXIT.ok;
}

/** Reads the secret from standard input: an argument would stay in the shell's history and the process list. */
export async function hashKey(terminal: Terminal): Promise<ExitCode> {
  const secret = (await terminal.readLine('key: ')).trim();
  if (!isSecret(secret)) {
    const received = `received ${secret.length} characters`;
    terminal.err(
      `streamgauge: expected a key that "keys create" printed on standard input, ${received}\n`,
    );
    return EXIT.usage;
  }
  terminal.out(`${HASH_PREFIX}${hashSecret(secret)}\n`);
  return EXIT.ok;
}
