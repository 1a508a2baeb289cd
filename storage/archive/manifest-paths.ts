/** Names of the manifest's files, and of files that wait in the archive for the version that will name them. */
import { type ManifestVersion, SHARED_MANIFEST_FORMAT } from './manifest.ts';
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

/** What names of staged files are made of: of the version that will name them. */
export type Staging = Pick<ManifestVersion, 'format' | 'epoch' | 'version' | 'commit'>;

/**
 * Where the file that a version adds as its `index`-th lies until the version is there. A server that loses its claim, or
 * fails in a commit, comes back with another epoch: no two commits ever share a name. A node of a cluster may try one commit as
 * several versions, and so the commit's own name is in it.
 */
export const stagedPath = (staging: Staging, index: number): string => {
  const { format, epoch, version, commit } = staging;
  const of = format === SHARED_MANIFEST_FORMAT ? commit : version;
  return `${TEMPORARY_FOLDER}/${epoch}-${of}-${index}.parquet`;
};

export interface StagedName {
  readonly epoch: number;
  /** In a cluster; undefined for a server that has the archive alone. */
  readonly commit: string | undefined;
}

/** Undefined if the name, of a file in the temporary folder, is not from `stagedPath`. */
export function parseStagedName(name: string): StagedName | undefined {
  const match =
    /^(\d{1,16})-(\d{1,16}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d{1,16}\.parquet$/.exec(
      name,
    );
  if (match === null) return undefined;
  const [, epoch, of = ''] = match;
  return { epoch: Number(epoch), commit: of.includes('-') ? of : undefined };
}

const digits = (version: number): string => String(version).padStart(20, '0');
