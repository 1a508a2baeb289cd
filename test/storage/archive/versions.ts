/** Versions of a manifest that follow each other. */
import {
  MANIFEST_FORMAT,
  type Manifest,
  type ManifestVersion,
  type SegmentFile,
} from '../../../storage/archive/manifest.ts';

export const ownerOf = (journal: string) => ({ journal, host: 'h', pid: 1 });

/** The next version; of the same owner and without any change, unless `change` says so. */
export function versionAfter(
  { version, epoch, owner }: Manifest,
  change: Partial<ManifestVersion>,
): ManifestVersion {
  return {
    format: MANIFEST_FORMAT,
    version: version + 1,
    commit: `commit-${version + 1}`,
    epoch,
    owner: owner ?? ownerOf('j'),
    atMs: 1_000 + version,
    change: 'segments',
    positions: {},
    add: [],
    remove: [],
    deleted: [],
    schemas: [],
    ...change,
  };
}

export const claimOf = (manifest: Manifest, journal: string): ManifestVersion =>
  versionAfter(manifest, {
    change: 'claim',
    epoch: manifest.epoch + 1,
    owner: ownerOf(journal),
  });

export const fileOf = (partition: number, from: number, to: number): SegmentFile => ({
  path: `tenant=t/stream=s/dt=1970-01-01/hour=00/p${partition}-${from}-${to}.parquet`,
  tenant: 't',
  stream: 's',
  hourMs: 0,
  partition,
  from,
  to,
  rows: 1,
  bytes: 10,
  tsMinMs: 0,
  tsMaxMs: 0,
  schema: 0,
});
