/** Finds the access key of a request. Only hashes are kept and looked up; see `hashSecret` for why that is enough. */
import { type AccessKey, hashSecret, type Scope, SHARE_SECRET_PREFIX } from '../model/access.ts';
import { err, ok, type Result } from '../model/result.ts';
import type { Refusal } from './refusal.ts';

/** Whom a request speaks for. */
export interface Identity {
  readonly tenant: string;
  /** The key's public name; undefined where no keys are configured. */
  readonly keyId: string | undefined;
}

/** Everybody's identity while no keys are configured, whatever they send but the secret of a link, which only a loopback listener allows. */
const ANYBODY = ok<Identity>({ tenant: 'default', keyId: undefined });
/** No secret of ours is longer; hashing more would be work for an attacker's sake. */
const SECRET_LENGTH_MAX = 256;

export class KeyRing {
  readonly #byHash: ReadonlyMap<string, AccessKey>;

  constructor(keys: readonly AccessKey[]) {
    this.#byHash = new Map(keys.map((key) => [key.hash, key]));
  }

  /** `authorization` is the header, `fromQuery` the `key` parameter; the header counts if both are there. */
  identify(authorization: string, fromQuery: string, scope: Scope): Result<Identity, Refusal> {
    const secret = authorization === '' ? fromQuery : bearer(authorization);
    if (secret.startsWith(SHARE_SECRET_PREFIX)) return err(SHARE);
    if (this.#byHash.size === 0) return ANYBODY;
    if (secret === '') return err(MISSING);
    const key =
      secret.length > SECRET_LENGTH_MAX ? undefined : this.#byHash.get(hashSecret(secret));
    if (key === undefined) return err(UNKNOWN);
    if (!key.scopes.includes(scope)) {
      return err({
        code: 'forbidden',
        message: `key "${key.id}" may ${key.scopes.join(', ')}, and this needs ${scope}: use another key`,
      });
    }
    return ok({ tenant: key.tenant, keyId: key.id });
  }
}

const MISSING: Refusal = {
  code: 'unauthorized',
  message: 'a key is required: send "Authorization: Bearer KEY", or "?key=KEY" from a page',
};
const SHARE: Refusal = {
  code: 'forbidden',
  message: 'this is of a link to a dashboard, and sends nothing: use a key with scope "write"',
};
const UNKNOWN: Refusal = {
  code: 'unauthorized',
  message: 'the key is not known here: check it for missing characters, or create one',
};

/** The token of a bearer header; the scheme's case does not matter (RFC 9110, section 11.1). */
const bearer = (authorization: string): string => /^bearer +(\S+)$/i.exec(authorization)?.[1] ?? '';
