/** Notices that the certificate files have changed, also when a symbolic link on their way was switched. */
import { stat } from 'node:fs/promises';
import type { Logger } from '../model/logger.ts';
import type { TlsFiles } from '../model/tls-files.ts';
import { CERTIFICATE_CHECK_MS } from './limits.ts';

export class CertificateWatch {
  readonly #files: TlsFiles;
  readonly #logger: Logger;
  readonly #replace: () => Promise<void>;
  #loaded: string;
  #checking = false;

  private constructor(
    files: TlsFiles,
    logger: Logger,
    replace: () => Promise<void>,
    loaded: string,
  ) {
    this.#files = files;
    this.#logger = logger;
    this.#replace = replace;
    this.#loaded = loaded;
  }

  /** `replace` loads the files; it rejects if they do not fit, which is usual while they are being replaced. */
  static async start(
    files: TlsFiles,
    logger: Logger,
    replace: () => Promise<void>,
  ): Promise<CertificateWatch> {
    return new CertificateWatch(files, logger, replace, await fingerprint(files));
  }

  /** To be called now and then. Never rejects: until the files fit, the old certificate serves. */
  async check(): Promise<void> {
    if (this.#checking) return;
    this.#checking = true;
    try {
      const found = await fingerprint(this.#files);
      if (found === this.#loaded) return;
      await this.#replace();
      this.#loaded = found;
      this.#logger.info({ certFile: this.#files.certFile }, 'new certificate in use');
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#logger.error({ why }, 'the new certificate is not usable; the old one stays in use');
    } finally {
      this.#checking = false;
    }
  }
}

/** What has a certificate: both listeners of the server. */
export interface CertificateHolder {
  /** Rejects and changes nothing if the files do not fit. */
  replaceCertificate(): Promise<void>;
  close(): void;
}

/** Looks at the files now and then; answers how to stop that. If it rejects, `holder` is closed. */
export async function watchCertificate(
  holder: CertificateHolder,
  files: TlsFiles,
  logger: Logger,
  everyMs = CERTIFICATE_CHECK_MS,
): Promise<() => void> {
  try {
    const watch = await CertificateWatch.start(files, logger, () => holder.replaceCertificate());
    const timer = setInterval(() => void watch.check(), everyMs);
    return () => clearInterval(timer);
  } catch (error) {
    holder.close();
    throw error;
  }
}

async function fingerprint({ certFile, keyFile }: TlsFiles): Promise<string> {
  const [cert, key] = await Promise.all([stat(certFile), stat(keyFile)]);
  return [cert, key].map((file) => `${file.ino}:${file.size}:${file.mtimeMs}`).join(' ');
}
