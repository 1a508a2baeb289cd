/** A file of MaxMind's format (MMDB) with the countries of networks. */
import { readFileSync, statSync } from 'node:fs';
import { type CountryResponse, Reader } from 'mmdb-lib';

/** Held in memory: the largest of all its providers' have some 100 MB, those of countries alone 10. */
const BYTES_MAX = 256 * 2 ** 20;

export type CountriesFile = Reader<CountryResponse>;

/** Throws if it cannot be read, or is none. */
export function readCountriesFile(path: string): CountriesFile {
  const { size } = statSync(path);
  if (size > BYTES_MAX) {
    throw new Error(`expected a file of at most ${BYTES_MAX} bytes, received ${size}`);
  }
  return new Reader<CountryResponse>(readFileSync(path));
}
