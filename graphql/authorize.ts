/** Who asks, for which tenant, and what that key may do. */
import { GraphQLError } from 'graphql';
import {
  type AccessKey,
  hashSecret,
  isShareSecret,
  SCOPES,
  type Scope,
  SHARE_SECRET_PREFIX,
} from '../src/model/access.ts';

export interface Access {
  /** Names the key in logs. */
  readonly keyId: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** Of a link to a dashboard, which has neither tenant nor scopes of its own: the hash by which it is found with each operation. */
  readonly share?: string;
}

/** Judges the secret of a request; undefined if it opens nothing. */
export type Authorizer = (secret: string | undefined) => Access | undefined;

const DEFAULT_TENANT = 'default';

/** `mayOpen`: whether something is shared by a secret of this hash. */
export function authorizerFor(
  keys: readonly AccessKey[],
  mayOpen: (hash: string) => boolean,
): Authorizer {
  const ofKey = keyAuthorizer(keys);
  return (secret) =>
    secret?.startsWith(SHARE_SECRET_PREFIX) === true ? sharedBy(secret, mayOpen) : ofKey(secret);
}

function sharedBy(secret: string, mayOpen: (hash: string) => boolean): Access | undefined {
  const share = isShareSecret(secret) ? hashSecret(secret) : undefined;
  if (share === undefined || !mayOpen(share)) return undefined;
  return { keyId: 'share', tenant: '', scopes: [], share };
}

/** Without keys everything is allowed: the server then listens on loopback only. */
function keyAuthorizer(keys: readonly AccessKey[]): Authorizer {
  if (keys.length === 0) {
    const everything: Access = { keyId: 'none', tenant: DEFAULT_TENANT, scopes: SCOPES };
    return () => everything;
  }
  const byHash = new Map(keys.map((key) => [key.hash, key]));
  return (secret) => {
    const key = secret === undefined ? undefined : byHash.get(hashSecret(secret));
    return key && { keyId: key.id, tenant: key.tenant, scopes: key.scopes };
  };
}

/** The secret in `Bearer sg_…`. Longer texts are not hashed: no secret is that long. */
export function bearerSecret(authorization: string | null | undefined): string | undefined {
  if (typeof authorization !== 'string' || authorization.length > 256) return undefined;
  return /^Bearer +(\S+)$/i.exec(authorization)?.[1];
}

/** `admin` may do what `read` may. */
export const allows = (access: Access, scope: Scope): boolean =>
  access.scopes.includes(scope) || (scope === 'read' && access.scopes.includes('admin'));

/** Whether it may ask at all: what a link may ask is judged with each operation. */
export const mayAsk = (access: Access): boolean =>
  access.share !== undefined || allows(access, 'read');

/** Throws the error that the API shows. */
export function demandScope(access: Access, scope: Scope): void {
  if (allows(access, scope)) return;
  throw new GraphQLError(`this needs a key with scope "${scope}"`, {
    extensions: { code: 'forbidden', http: { status: 403 } },
  });
}

export const unauthorized = (): GraphQLError =>
  new GraphQLError('send a key with scope "read": Authorization: Bearer KEY', {
    extensions: {
      code: 'unauthorized',
      http: { status: 401, headers: { 'www-authenticate': 'Bearer' } },
    },
  });
