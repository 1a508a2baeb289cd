/** What the manifest says and Hive has not been told yet: streams, and the hours of each in which something changed. */
import type { Manifest, ManifestVersion } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { PENDING_HOURS_MAX } from './limits.ts';

/** `all`: nobody knows what Hive has of the stream; it is asked. */
export type PendingHours = ReadonlySet<number> | 'all';

export class Pending {
  readonly #streams = new Map<string, Set<number> | 'all'>();

  /** By `streamKey`. */
  get streams(): ReadonlyMap<string, PendingHours> {
    return this.#streams;
  }

  addVersion(version: ManifestVersion, manifest: Manifest): void {
    for (const schema of version.schemas) this.#hours(streamKey(schema));
    for (const file of version.add) this.#addHour(streamKey(file), file.hourMs);
    for (const path of version.remove) {
      const place = placeOf(path);
      if (place === undefined) this.addAll(manifest);
      else this.#addHour(streamKey(place), place.hourMs);
    }
  }

  addAll({ schemas }: Manifest): void {
    for (const key of schemas.keys()) this.addWhole(key);
  }

  addWhole(key: string): void {
    this.#streams.set(key, 'all');
  }

  done(key: string): void {
    this.#streams.delete(key);
  }

  #addHour(key: string, hourMs: number): void {
    const hours = this.#hours(key);
    if (hours === 'all') return;
    hours.add(hourMs);
    if (hours.size > PENDING_HOURS_MAX) this.addWhole(key);
  }

  #hours(key: string): Set<number> | 'all' {
    const known = this.#streams.get(key);
    if (known !== undefined) return known;
    const hours = new Set<number>();
    this.#streams.set(key, hours);
    return hours;
  }
}

/** Of a file that the manifest no longer describes. Undefined if its folders are not as ours are. */
function placeOf(
  path: string,
): { readonly tenant: string; readonly stream: string; readonly hourMs: number } | undefined {
  const match = /^tenant=([^/]+)\/stream=([^/]+)\/dt=(\d{4}-\d\d-\d\d)\/hour=(\d\d)(?!\d)/.exec(
    path,
  );
  if (match === null) return undefined;
  const [, tenant = '', stream = '', day, hour] = match;
  const hourMs = Date.parse(`${day}T${hour}:00:00Z`);
  if (Number.isNaN(hourMs)) return undefined;
  try {
    return { tenant: decodeURIComponent(tenant), stream: decodeURIComponent(stream), hourMs };
  } catch {
    return undefined;
  }
}
