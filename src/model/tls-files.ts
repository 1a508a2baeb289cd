/** A certificate and its key, as both listeners are given them. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { AppError } from './errors.ts';

/** PEM files, with the whole chain in `certFile`. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** Rejects with `config_invalid` if they do not fit: uWebSockets says only that it failed, Node says why. */
export async function checkCertificate({ certFile, keyFile }: TlsFiles): Promise<void> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    createSecureContext({ cert, key });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `the certificate ${certFile} with the key ${keyFile} is not usable: ${why}`;
    throw new AppError('config_invalid', message, { path: certFile }, error);
  }
}
