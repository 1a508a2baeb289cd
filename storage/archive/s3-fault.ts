/** What S3 says when it does not do what it was asked, and what that means to an archive. */
import { AppError, type FaultCode } from '../../src/model/errors.ts';
import { systemCodeOf } from './disk-files.ts';

/** Whether S3 refused with that status, and, if given, by that name. */
export const isS3 = (error: unknown, status: number, name?: string): boolean =>
  statusOf(error) === status && (name === undefined || nameOf(error) === name);

/** Names of what is wrong with us, and not with S3, where the status does not say so. */
const DENIED = new Set([
  'CredentialsProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidToken',
  'TokenProviderError',
]);

/** Errors of the connection, as Node.js and the client name them. */
const OUT_OF_REACH =
  /^(TimeoutError|AbortError|RequestTimeout|SlowDown|ECONN\w+|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ERR_STREAM_PREMATURE_CLOSE)$/;

/** As OpenSSL names certificates that it does not trust. */
const UNTRUSTED =
  /^(CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/;

export function s3Fault(doing: string, path: string, error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const name = nameOf(error);
  const [code, remedy] = meaningOf(statusOf(error), name, systemCodeOf(error) ?? '');
  const said = [name, error.message].filter((text) => text !== '').join(': ');
  return new AppError(code, `cannot ${doing} ${path}: ${said}; ${remedy}`, { path }, error);
}

function meaningOf(
  status: number | undefined,
  name: string,
  systemCode: string,
): readonly [FaultCode, string] {
  if (status === 401 || status === 403 || DENIED.has(name)) {
    return ['archive_denied', 'give these credentials read, write, delete and list on the bucket'];
  }
  if (name === 'NoSuchBucket') return ['archive_io', 'make the bucket, or name another'];
  if (status === 404) return ['archive_missing', 'nobody but this server should remove files'];
  if (UNTRUSTED.test(systemCode)) {
    return ['archive_unavailable', 'say with "caFile" which certificates to trust'];
  }
  const isBusy = status !== undefined && (status === 408 || status === 429 || status >= 500);
  if (isBusy || OUT_OF_REACH.test(name) || OUT_OF_REACH.test(systemCode)) {
    return ['archive_unavailable', 'see to the endpoint and the way to it'];
  }
  return ['archive_io', 'see what the server of S3 says'];
}

function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error && '$metadata' in error)) return undefined;
  const { $metadata: metadata } = error;
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  return 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
    ? metadata.httpStatusCode
    : undefined;
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');
