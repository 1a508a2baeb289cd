/** Where a segment lies: folders that Hive, Spark and DuckDB read as columns. */
import type { SegmentFile } from './manifest.ts';

export type HourPlace = Pick<SegmentFile, 'tenant' | 'stream' | 'hourMs'>;

export interface SegmentPlace extends Pick<SegmentFile, 'partition' | 'from' | 'to'> {
  /** The hour's. */
  readonly folder: string;
  /** Of the claim that it is written under. */
  readonly epoch: number;
}

/** An hour's folder until its files are rewritten; `dt` and `hour` are of UTC. */
export function hourFolder({ tenant, stream, hourMs }: HourPlace): string {
  const hour = new Date(hourMs).toISOString();
  return `${streamFolder({ tenant, stream })}/dt=${hour.slice(0, 10)}/hour=${hour.slice(11, 13)}`;
}

/** The folder that an hour has from a version on which rewrites all of its files. No other version ever has it. */
export const rewrittenFolder = (hour: HourPlace, version: number): string =>
  `${hourFolder(hour)}-c${version}`;

export const streamFolder = ({ tenant, stream }: Pick<HourPlace, 'tenant' | 'stream'>): string =>
  `${tenantFolder(tenant)}/stream=${escaped(stream)}`;

export const tenantFolder = (tenant: string): string => `tenant=${escaped(tenant)}`;

/** The epoch is in it because positions begin anew when another log takes the archive over. */
export const segmentPath = ({ folder, partition, from, to, epoch }: SegmentPlace): string =>
  `${folder}/p${partition}-${digits(from)}-${digits(to)}-e${epoch}.parquet`;

/** The `index`-th file of a folder that only one version puts rewritten files into. */
export const rewrittenPath = (
  folder: string,
  index: number,
  { from, to }: Pick<SegmentFile, 'from' | 'to'>,
): string => `${folder}/c${index}-${digits(from)}-${digits(to)}.parquet`;

/** As Hive writes the value of a partition in a folder's name. */
const escaped = (value: string): string =>
  value.replaceAll(/[^\w.-]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(''),
  );

const digits = (position: number): string => String(position).padStart(20, '0');
