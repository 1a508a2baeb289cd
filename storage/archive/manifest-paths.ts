/** Names of the manifest's files, and of files that wait in the archive for the version that will name them. */
import { TEMPORARY_FOLDER } from './paths.ts';

export const MANIFEST_FOLDER = '_manifest';

export const versionPath = (version: number): string =>
  `${MANIFEST_FOLDER}/v${digits(version)}.json`;
export const checkpointPath = (version: number): string =>
  `${MANIFEST_FOLDER}/c${digits(version)}.json`;

/** Undefined for a file that is none of the manifest's. */
export function parseManifestName(
  name: string,
): { readonly kind: 'version' | 'checkpoint'; readonly version: number } | undefined {
  const match = /^([vc])(\d{20})\.json$/.exec(name);
  if (match === null) return undefined;
  return { kind: match[1] === 'v' ? 'version' : 'checkpoint', version: Number(match[2]) };
}

/**
 * Where the file that a version adds as its `index`-th lies until the version is there. A server that loses its claim, or
 * fails in a commit, comes back with another epoch: no two commits ever share a name.
 */
export const stagedPath = (
  { epoch, version }: { readonly epoch: number; readonly version: number },
  index: number,
): string => `${TEMPORARY_FOLDER}/${epoch}-${version}-${index}.parquet`;

/** Undefined if the name, of a file in the temporary folder, is not from `stagedPath`. */
export function epochOfStaged(name: string): number | undefined {
  const match = /^(\d{1,16})-\d{1,16}-\d{1,16}\.parquet$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

const digits = (version: number): string => String(version).padStart(20, '0');
