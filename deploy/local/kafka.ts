/** Kafka: one node that is broker and controller. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeSettings } from './files.ts';
import { jarsOf } from './jars.ts';
import { type JavaProgram, runJava } from './java.ts';
import { Part } from './part.ts';
import { HOST, portsOf } from './ports.ts';
import { kafkaAnswers } from './probes.ts';
import { folderOf, type Service, type ServiceOptions, started, stopAll } from './service.ts';

export interface Kafka extends Service {
  /** Such as `127.0.0.1:29006`. */
  readonly bootstrap: string;
  readonly broker: Part;
}

const PORTS = ['broker', 'controller'] as const;
export const KAFKA_PORTS = PORTS.length;
const HEAP_MB = 512;
const FORMAT_HEAP_MB = 128;
const FORMAT_MS_MAX = 60_000;
/** Any 16 bytes in base64: nodes with another one refuse to talk to this one. */
const CLUSTER_ID = 'c3RyZWFtZ2F1Z2UtbG9jYQ';

export async function startKafka(options: ServiceOptions): Promise<Kafka> {
  return await started(openKafka(options));
}

/** Writes its settings; starts nothing. */
export async function openKafka(options: ServiceOptions): Promise<Kafka> {
  const { dir, portsFrom, outlivesUs = false } = options;
  const folder = folderOf(dir, 'kafka');
  const ports = await portsOf(folder, PORTS, portsFrom);
  const conf = join(folder, 'conf');
  const data = join(folder, 'data');
  writeSettings('kafka', ['server.properties', 'log4j2.properties'], conf, { ...ports, data });
  const settings = join(conf, 'server.properties');

  const program = async (main: string, args: readonly string[]): Promise<JavaProgram> => ({
    main,
    args,
    classpath: await jarsOf('kafka'),
    heapMb: HEAP_MB,
    properties: {
      'kafka.logs.dir': folder,
      'log4j2.configurationFile': `file:${join(conf, 'log4j2.properties')}`,
    },
  });
  const broker = new Part({
    name: 'kafka',
    ports: [ports.broker, ports.controller],
    folder,
    outlivesUs,
    program: () => program('kafka.Kafka', [settings]),
    isReady: () => kafkaAnswers(ports.broker),
  });
  return {
    bootstrap: `${HOST}:${ports.broker}`,
    broker,
    parts: [broker],
    address: `${HOST}:${ports.broker}`,
    start: async () => {
      if (!existsSync(join(data, 'meta.properties'))) {
        const args = ['format', '-t', CLUSTER_ID, '-c', settings, '--ignore-formatted'];
        const format = await program('kafka.tools.StorageTool', args);
        await runJava({
          ...format,
          heapMb: FORMAT_HEAP_MB,
          quickStart: true,
          folder,
          timeoutMs: FORMAT_MS_MAX,
        });
      }
      await broker.start();
    },
    stop: () => stopAll([broker]),
  };
}
