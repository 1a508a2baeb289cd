/** Access keys: what a key may do, and the one form of it that the server keeps. */
import { hash } from 'node:crypto';

export const SCOPES = ['write', 'read', 'admin'] as const;
/** `write` sends events, `read` asks, `admin` changes rollups and looks at the machinery. */
export type Scope = (typeof SCOPES)[number];

/** Every secret starts with this, so that scanners for leaked secrets can recognise one. */
export const SECRET_PREFIX = 'sg_';

/** A secret as we make them: the prefix and 32 random bytes in base64url. */
export const isSecret = (text: string): boolean => /^sg_[\w-]{43}$/.test(text);

/** The secret of a link to a dashboard starts with this, and is as random. It is no key: whatever takes keys refuses it. */
export const SHARE_SECRET_PREFIX = 'sgd_';

export const isShareSecret = (text: string): boolean => /^sgd_[\w-]{43}$/.test(text);

export interface AccessKey {
  /** Names the key in logs and metrics; never secret. */
  readonly id: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** `hashSecret` of the secret: lower-case hex, 64 digits. */
  readonly hash: string;
  /** The secret in clear, only for a public key: one that pages carry and that may only write. */
  readonly publicSecret?: string;
}

/**
 * SHA-256, once. A slow password hash would defend nothing here: a secret is 32 random bytes, which
 * nobody guesses, and a cheap hash lets the edge check a key on every request. Looking the hash up in
 * a map leaks no usable timing either, because the sender does not control the hash's digits.
 */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'hex');
