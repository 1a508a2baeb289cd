/** Countries of networks, by a file of MaxMind's format (MMDB) that somebody else keeps up: it is read again once it has changed. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { type CountriesFile, readCountriesFile } from '../model/countries-file.ts';

export interface CountriesOptions {
  readonly file: string;
  /** It cannot be read, or is none: what was known before stays. */
  readonly onUnread: (error: unknown) => void;
}

export class Countries {
  readonly #options: CountriesOptions;
  #reader: CountriesFile | undefined;
  #seen = '';

  constructor(options: CountriesOptions) {
    this.#options = options;
    this.look();
  }

  /** Reads the file if it is another one than at the last look. */
  look(): void {
    const { file, onUnread } = this.#options;
    try {
      const { mtimeMs, size, ino } = statSync(file);
      const seen = `${mtimeMs} ${size} ${ino}`;
      if (seen === this.#seen) return;
      this.#seen = seen;
      this.#reader = readCountriesFile(file);
    } catch (error) {
      onUnread(error);
    }
  }

  /** In two letters (ISO 3166-1); undefined: not known. */
  countryOf(network: string): string | undefined {
    const reader = this.#reader;
    const family = isIP(network);
    if (reader === undefined || family === 0) return undefined;
    if (family === 6 && reader.metadata.ipVersion === 4) return undefined;
    try {
      return reader.get(network)?.country?.iso_code;
    } catch {
      // Damaged at this place: as if it knew nothing of the network.
      return undefined;
    }
  }
}
