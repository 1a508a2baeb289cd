/** `streamgauge hive ddl`: the statements that make the archive's streams tables, for whoever tells Hive, or Spark, by hand. */

import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { hourFolder, streamFolder } from '../../storage/archive/segment-path.ts';
import { DATABASE_PREFIX_DEFAULT } from '../config/hive.ts';
import {
  addPartitions,
  createDatabase,
  createTable,
  type HivePartition,
  setLocation,
  tableName,
} from '../hive/ddl.ts';
import { type HiveTable, hiveTables } from '../hive/table-names.ts';
import { wantedPartitions } from '../hive/wanted-partitions.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';
import { type Options, withArchive } from './with-archive.ts';

export const printDdl = (options: Options, terminal: Terminal): Promise<ExitCode> =>
  withArchive(options, terminal, async ({ archive, manifest, config }) => {
    const { hive } = config.archive;
    const url = text(options['archiveUrl']) ?? hive?.archiveUrl ?? archive.url;
    const prefix =
      text(options['databasePrefix']) ?? hive?.databasePrefix ?? DATABASE_PREFIX_DEFAULT;
    const { tenant, stream } = options;
    // Names depend on those of all streams: what is left out is left out after.
    const tables = hiveTables(manifest.schemas.values(), prefix)
      .filter(({ schema }) => tenant === undefined || schema.tenant === tenant)
      .filter(({ schema }) => stream === undefined || schema.stream === stream);
    if (tables.length === 0) {
      terminal.err(`streamgauge: ${url} has no such stream\n`);
      return EXIT.failed;
    }
    const wanted = wantedPartitions(
      manifest,
      new Map(tables.map(({ schema }) => [streamKey(schema), 'all'])),
    );
    terminal.out(`-- Version ${manifest.version} of ${inComment(url)}\n`);
    for (const table of tables) {
      const hours = wanted.hours.get(streamKey(table.schema)) ?? new Map();
      const partitions = Array.from(
        hours,
        ([hourMs, { folder }]): HivePartition => ({
          hourMs,
          location: `${url}/${folder}`,
        }),
      ).sort((a, b) => a.hourMs - b.hourMs);
      terminal.out(tableText(table, url, partitions));
    }
    for (const hour of wanted.split) {
      terminal.err(
        `streamgauge: files of ${hour} lie in several folders, and Hive sees one of them\n`,
      );
    }
    return EXIT.ok;
  });

function tableText(table: HiveTable, url: string, partitions: readonly HivePartition[]): string {
  const { tenant, stream } = table.schema;
  const why = table.isRenamed ? '; another one has the name that it would have had' : '';
  const statements = [
    createDatabase(table),
    createTable(table, `${url}/${streamFolder(table.schema)}`),
    ...addPartitions(table, partitions),
    // Those that Hive has from before they were compacted.
    ...partitions
      .filter(
        ({ hourMs, location }) => location !== `${url}/${hourFolder({ ...table.schema, hourMs })}`,
      )
      .map((partition) => setLocation(table, partition)),
  ];
  const head = `\n-- ${tableName(table)}: stream ${inComment(stream)} of tenant ${inComment(tenant)}${why}\n`;
  return head + statements.map((statement) => `${statement};\n`).join('');
}

/** A comment ends with its line. */
const inComment = (value: string): string => value.replaceAll(/\p{Cc}|\p{Zl}|\p{Zp}/gu, ' ');

const text = (option: unknown): string | undefined =>
  typeof option === 'string' ? option : undefined;
