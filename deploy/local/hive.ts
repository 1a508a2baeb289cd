/** HiveServer2 with its metastore and its jobs in the same process. Its tables are in HDFS. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeSettings } from './files.ts';
import { HDFS_USER } from './hdfs.ts';
import { jarsOf } from './jars.ts';
import { Part } from './part.ts';
import { HOST, portsOf } from './ports.ts';
import { answers } from './probes.ts';
import { folderOf, type Service, type ServiceOptions, started, stopAll } from './service.ts';

export interface HiveOptions extends ServiceOptions {
  /** Kept by each table's location: the same for the life of the folder. */
  readonly hdfs: { readonly rpcUrl: string };
}

export interface Hive extends Service {
  readonly host: string;
  /** Of the Thrift protocol, with SASL PLAIN and any name. */
  readonly port: number;
  readonly server: Part;
}

const PORTS = ['thrift'] as const;
export const HIVE_PORTS = PORTS.length;
/** Enough for six sessions at once, each with a job. */
const HEAP_MB = 512;
const OPENS = [
  ...['java.lang', 'java.lang.reflect', 'java.lang.invoke', 'java.net', 'java.nio', 'java.io'],
  ...['java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'java.util.regex'],
  ...['java.time', 'java.text', 'sun.nio.ch', 'sun.security.action'],
];

export async function startHive(options: HiveOptions): Promise<Hive> {
  return await started(openHive(options));
}

/** Writes its settings; starts nothing. */
export async function openHive(options: HiveOptions): Promise<Hive> {
  const { dir, hdfs, portsFrom, outlivesUs = false } = options;
  const folder = folderOf(dir, 'hive');
  const { thrift: port } = await portsOf(folder, PORTS, portsFrom);
  const conf = join(folder, 'conf');
  const data = join(folder, 'data');
  const tmp = join(data, 'tmp');
  mkdirSync(tmp, { recursive: true });
  const templates = ['core-site.xml', 'mapred-site.xml', 'hive-site.xml', 'log4j2.properties'];
  writeSettings('hive', templates, conf, {
    port,
    data,
    fs: hdfs.rpcUrl,
    user: HDFS_USER,
  });
  const logging = `file:${join(conf, 'log4j2.properties')}`;

  const server = new Part({
    name: 'hive',
    ports: [port],
    folder,
    outlivesUs,
    env: { HADOOP_USER_NAME: HDFS_USER, HADOOP_CONF_DIR: conf, HIVE_CONF_DIR: conf },
    program: async () => ({
      main: 'org.apache.hive.service.server.HiveServer2',
      classpath: [conf, ...(await jarsOf('hive'))],
      heapMb: HEAP_MB,
      opens: OPENS,
      quickStart: true,
      properties: {
        'java.io.tmpdir': tmp,
        'derby.stream.error.file': join(folder, 'derby.log'),
        'log4j2.configurationFile': logging,
        'log4j.configurationFile': logging,
        'hive.home': folder,
      },
    }),
    // It opens its port when it is done with everything else.
    isReady: () => answers(port),
  });
  return {
    host: HOST,
    port,
    server,
    parts: [server],
    address: `${HOST}:${port} (Thrift, SASL PLAIN)`,
    start: () => server.start(),
    stop: () => stopAll([server]),
  };
}
