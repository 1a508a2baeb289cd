/** Whether a certificate and a key that settings name can serve: TLS itself says so only when somebody connects. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { TlsFiles } from '../model/tls-files.ts';
import { readText } from './files.ts';

export interface CertificateProblem {
  readonly key: keyof TlsFiles;
  readonly message: string;
}

/** Why connections could not be served with them, with the setting that is to be changed. */
export function certificateProblem(files: TlsFiles): CertificateProblem | undefined {
  const cert = readText(files.certFile);
  if (!cert.ok) return unreadable('certFile', cert.error);
  const key = readText(files.keyFile);
  if (!key.ok) return unreadable('keyFile', key.error);
  return pairProblem(cert.value, key.value);
}

const unreadable = (key: keyof TlsFiles, reason: string): CertificateProblem => ({
  key,
  message: `expected a file that can be read (${reason})`,
});

function pairProblem(cert: string, key: string): CertificateProblem | undefined {
  const certificate = attempt(() => new X509Certificate(cert));
  if (certificate instanceof Error) {
    return { key: 'certFile', message: `expected a certificate as PEM (${certificate.message})` };
  }
  const privateKey = attempt(() => createPrivateKey(key));
  if (privateKey instanceof Error) {
    return {
      key: 'keyFile',
      message: `expected a private key as PEM, without a passphrase (${privateKey.message})`,
    };
  }
  return fitProblem(certificate, privateKey) ?? chainProblem(cert, key);
}

function fitProblem(certificate: X509Certificate, key: KeyObject): CertificateProblem | undefined {
  if (certificate.checkPrivateKey(key)) return undefined;
  const message = `expected the private key of the first certificate in "certFile", which is of ${subjectOf(certificate)}`;
  return { key: 'keyFile', message };
}

/** What TLS refuses beyond that: a chain that is cut, a key that is too short. */
function chainProblem(cert: string, key: string): CertificateProblem | undefined {
  const context = attempt(() => createSecureContext({ cert, key }));
  if (!(context instanceof Error)) return undefined;
  return { key: 'certFile', message: `expected what TLS takes (${context.message})` };
}

/** Of files without a problem: whether clients will refuse the certificate for its time. */
export function certificateWarning({ certFile }: TlsFiles, nowMs: number): string | undefined {
  const certificate = attempt(() => new X509Certificate(readFileSync(certFile)));
  // Replaced since it was found without a problem.
  if (certificate instanceof Error) return undefined;
  const [from, to] = [Date.parse(certificate.validFrom), Date.parse(certificate.validTo)];
  if (nowMs >= to) return `the certificate expired on ${certificate.validTo}: clients refuse it`;
  if (nowMs < from) {
    return `the certificate is valid from ${certificate.validFrom} on: clients refuse it until then`;
  }
  return undefined;
}

const subjectOf = ({ subject }: X509Certificate): string =>
  `"${(subject ?? '').replaceAll('\n', ', ')}"`;

function attempt<T>(parse: () => T): T | Error {
  try {
    return parse();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
