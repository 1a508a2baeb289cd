/** A server whose archive is in a real HDFS and told to a real Hive, and what the programs of others find in it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { type Hive, startHive } from '../../deploy/local/hive.ts';
import { runSpark } from '../../deploy/local/readers/spark.ts';
import { Server } from '../../load-tests/server.ts';
import { sendApplied } from '../send-applied.ts';
import { openSession } from './hive.ts';

export const STREAM = 'shop';
/** Longer than a query of Hive takes: one that has begun finds the files with which it began. */
const REMOVED_KEPT_MS = 20_000;

export interface WarehouseOptions {
  readonly dir: string;
  /** Of the only rollup, `by_type`. */
  readonly measures: readonly string[];
  /** The URL that the server has for the NameNode's; by default that. */
  readonly namenode?: (hdfs: Hdfs) => Promise<string>;
}

type Rows = Record<string, unknown>[];
/** A statement about events that are to be had `FROM` there. */
type Question = (source: string) => string;

export class Warehouse {
  readonly dir: string;
  readonly hdfs: Hdfs;
  readonly hive: Hive;
  readonly server: Server;

  static async start(options: WarehouseOptions): Promise<Warehouse> {
    const { dir, measures, namenode = async ({ webHdfsUrl }) => webHdfsUrl } = options;
    const hdfs = await startHdfs({ dir });
    const hive = await startHive({ dir, hdfs });
    const webhdfs = {
      ...{ namenodes: [await namenode(hdfs)], dir: '/warehouse' },
      ...{ defaultFs: hdfs.rpcUrl, user: 'streamgauge' },
    };
    const server = await Server.prepare({
      folder: join(dir, 'server'),
      partitions: 2,
      config: {
        rollups: [{ name: 'by_type', stream: STREAM, dimensions: ['type'], measures }],
        archive: {
          ...{ webhdfs, hive: { host: hive.host, port: hive.port } },
          ...{ cut: { ageMaxMs: 1_000 }, removedKeptMs: REMOVED_KEPT_MS },
        },
      },
    });
    await server.start();
    return new Warehouse(dir, hdfs, hive, server);
  }

  private constructor(dir: string, hdfs: Hdfs, hive: Hive, server: Server) {
    this.dir = dir;
    this.hdfs = hdfs;
    this.hive = hive;
    this.server = server;
  }

  async close(): Promise<void> {
    await this.server.kill();
    await this.hive.stop();
    await this.hdfs.stop();
  }

  send(events: readonly object[]): Promise<string> {
    return sendApplied(this.server, STREAM, events);
  }

  /** @param how arguments of `archiveNow` */
  async archived(rows: number, how = ''): Promise<void> {
    for (;;) {
      const { archiveNow } = await this.server.query<{ archiveNow: { rows: number } }>(
        `mutation { archiveNow${how} { rows } }`,
      );
      if (archiveNow.rows >= rows) return;
    }
  }

  /** Of the newest version. */
  async files(): Promise<string[]> {
    const { segments } = await this.server.query<{ segments: { segments: { path: string }[] } }>(
      `{ segments(stream: "${STREAM}") { segments { path } } }`,
    );
    return segments.segments.map(({ path }) => path);
  }

  /** Until Hive has the newest version. */
  async told(): Promise<void> {
    for (;;) {
      const { archive } = await this.server.query<{
        archive: { version: number; hive: { version: number } | null };
      }>('{ archive { version hive { version } } }');
      if (archive.hive?.version === archive.version) return;
      await sleep(200);
    }
  }

  async inHive(question: Question): Promise<Rows> {
    const session = await openSession(this.hive);
    try {
      return await session.execute(
        question(`streamgauge_default.${STREAM} WHERE dt >= '2026-01-01'`),
      );
    } finally {
      await session.close();
    }
  }

  /** @param view what `events` are, from `USING` or `AS` on */
  inSpark(view: string, question: Question): Promise<Rows> {
    return runSpark({
      hdfs: this.hdfs,
      folder: join(this.dir, 'spark'),
      statements: [`CREATE TEMPORARY VIEW events ${view}`, question('events')],
    });
  }

  /** What Spark takes for a view of these files and no others. */
  viewOf(paths: readonly string[]): string {
    return `USING parquet OPTIONS (path '/warehouse/{${paths.join(',')}}', mergeSchema true)`;
  }

  /** The files are taken out of HDFS. */
  async inDuck(paths: readonly string[], question: Question): Promise<Rows> {
    const local: string[] = [];
    for (const [i, path] of paths.entries()) {
      const url = `${this.hdfs.webHdfsUrl}/webhdfs/v1/warehouse/${path}?op=OPEN&user.name=streamgauge`;
      const file = join(this.dir, `duck-${i}.parquet`);
      writeFileSync(file, Buffer.from(await (await fetch(url)).arrayBuffer()));
      local.push(file);
    }
    const duck = await (await DuckDBInstance.create(':memory:')).connect();
    const list = local.map((file) => `'${file}'`).join(', ');
    const found = await duck.runAndReadAll(
      question(`read_parquet([${list}], union_by_name = true)`),
    );
    duck.closeSync();
    return found.getRowObjects();
  }
}
