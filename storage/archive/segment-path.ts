/** Where a segment lies: folders that Hive, Spark and DuckDB read as columns. */
import type { SegmentFile } from './manifest.ts';

export type SegmentPlace = Pick<
  SegmentFile,
  'tenant' | 'stream' | 'hourMs' | 'partition' | 'from' | 'to'
>;

/** The hour's folder; `dt` and `hour` are of UTC. */
export function hourFolder({
  tenant,
  stream,
  hourMs,
}: Pick<SegmentPlace, 'tenant' | 'stream' | 'hourMs'>): string {
  const hour = new Date(hourMs).toISOString();
  return `${streamFolder({ tenant, stream })}/dt=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}`;
}

export const streamFolder = ({ tenant, stream }: Pick<SegmentPlace, 'tenant' | 'stream'>): string =>
  `tenant=${escaped(tenant)}/stream=${escaped(stream)}`;

/** The name is a function of the positions: the same blocks never come under two names. */
export function segmentPath(place: SegmentPlace): string {
  const { partition, from, to } = place;
  const whose = partition === undefined ? 'c' : `p${partition}`;
  return `${hourFolder(place)}/${whose}-${digits(from)}-${digits(to)}.parquet`;
}

/** As Hive writes the value of a partition in a folder's name. */
const escaped = (value: string): string =>
  value.replaceAll(/[^\w.-]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(''),
  );

const digits = (position: number): string => String(position).padStart(20, '0');
