/** HDFS: one NameNode and one DataNode, real ones, in processes of their own. */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeSettings } from './files.ts';
import { jarsOf } from './jars.ts';
import { type JavaProgram, runJava } from './java.ts';
import { Part } from './part.ts';
import { HOST, portsOf } from './ports.ts';
import { answers, readBean, statusOf } from './probes.ts';
import { folderOf, type Service, type ServiceOptions, started, stopAll } from './service.ts';

export interface Hdfs extends Service {
  /** Such as `http://127.0.0.1:29001`; WebHDFS is under `/webhdfs/v1`. */
  readonly webHdfsUrl: string;
  /** Such as `hdfs://127.0.0.1:29000`. */
  readonly rpcUrl: string;
  /** Ready when it answers and, if a DataNode runs, files can be read through that. */
  readonly namenode: Part;
  /** Ready when it has registered with the NameNode and takes data. */
  readonly datanode: Part;
}

/** The superuser, as whom everything of ours runs. HDFS believes any name that it is told. */
export const HDFS_USER = 'streamgauge';

const PORTS = ['rpc', 'http', 'dataTransfer', 'dataIpc', 'dataHttp'] as const;
export const HDFS_PORTS = PORTS.length;
const HEAP_MB = 256;
const FORMAT_MS_MAX = 60_000;
const OPENS = ['java.lang', 'java.util', 'sun.nio.ch'];
const NAMENODE = 'org.apache.hadoop.hdfs.server.namenode.NameNode';
const DATANODE = 'org.apache.hadoop.hdfs.server.datanode.DataNode';

export async function startHdfs(options: ServiceOptions): Promise<Hdfs> {
  return await started(openHdfs(options));
}

/** Writes its settings; starts nothing. */
export async function openHdfs(options: ServiceOptions): Promise<Hdfs> {
  const { dir, portsFrom, outlivesUs = false } = options;
  const folder = folderOf(dir, 'hdfs');
  const ports = await portsOf(folder, PORTS, portsFrom);
  const conf = join(folder, 'conf');
  const data = join(folder, 'data');
  const rpcUrl = `hdfs://${HOST}:${ports.rpc}`;
  const webHdfsUrl = `http://${HOST}:${ports.http}`;
  writeSettings('hdfs', ['core-site.xml', 'hdfs-site.xml', 'log4j.properties'], conf, {
    ...ports,
    data,
    user: HDFS_USER,
  });
  // The servers look for their web pages on the class path, which the jars lack.
  for (const name of ['hdfs', 'datanode', 'static']) {
    mkdirSync(join(conf, 'webapps', name), { recursive: true });
  }

  const program = async (main: string): Promise<JavaProgram> => ({
    main,
    classpath: [conf, ...(await jarsOf('hdfs'))],
    heapMb: HEAP_MB,
    opens: OPENS,
    quickStart: true,
  });
  const env = { HADOOP_USER_NAME: HDFS_USER };
  const common = { folder, env, outlivesUs };
  const namenode = new Part({
    ...common,
    name: 'namenode',
    ports: [ports.rpc, ports.http],
    program: () => program(NAMENODE),
    isReady: async () => {
      const { Safemode } = await readBean(webHdfsUrl, 'Hadoop:service=NameNode,name=NameNodeInfo');
      // Without a DataNode it stays in safe mode, and is as ready as it can be.
      if (datanode.pid === undefined) return Safemode !== undefined;
      return Safemode === '' && (await readsThrough(ports));
    },
  });
  const datanode: Part = new Part({
    ...common,
    name: 'datanode',
    ports: [ports.dataTransfer, ports.dataIpc, ports.dataHttp],
    program: () => program(DATANODE),
    isReady: async () =>
      (await isRegistered(ports.dataHttp)) && (await answers(ports.dataTransfer)),
  });

  return {
    namenode,
    datanode,
    parts: [namenode, datanode],
    rpcUrl,
    webHdfsUrl,
    address: `${rpcUrl} ${webHdfsUrl}/webhdfs/v1`,
    start: async () => {
      if (!existsSync(join(data, 'name/current/VERSION'))) {
        const args = ['-format', '-force', '-nonInteractive'];
        await runJava({
          ...(await program(NAMENODE)),
          args,
          folder,
          env,
          timeoutMs: FORMAT_MS_MAX,
        });
      }
      await Promise.all([namenode.start(), datanode.start()]);
      // If only one of them was there at first, what it was ready for is less than both are.
      await Promise.all([namenode.start(), datanode.start()]);
    },
    stop: () => stopAll([namenode, datanode]),
  };
}

/**
 * Whether the DataNode, which is the client of WebHDFS, gets an answer of the NameNode. The first question after a kill of
 * the NameNode meets the old connection and fails, so it had better be this one.
 */
async function readsThrough({
  dataHttp,
  rpc,
}: {
  dataHttp: number;
  rpc: number;
}): Promise<boolean> {
  const query = `op=OPEN&offset=0&user.name=${HDFS_USER}&namenoderpcaddress=${HOST}:${rpc}`;
  return (await statusOf(`http://${HOST}:${dataHttp}/webhdfs/v1/.not-there?${query}`)) === 404;
}

/**
 * What the DataNode says itself. The NameNode counts one that was killed as live for 16 s more, so it would say yes before
 * the one that replaces it is there.
 */
async function isRegistered(httpPort: number): Promise<boolean> {
  const url = `http://${HOST}:${httpPort}`;
  const { BPServiceActorInfo } = await readBean(url, 'Hadoop:service=DataNode,name=DataNodeInfo');
  if (typeof BPServiceActorInfo !== 'string') return false;
  const namenodes: { ActorState: string }[] = JSON.parse(BPServiceActorInfo);
  return namenodes.length > 0 && namenodes.every(({ ActorState }) => ActorState === 'RUNNING');
}
