/** The loads that are measured: what senders of different kinds put on the wire. */
import type { LoadOptions } from './generator/protocol.ts';
import type { Server } from './server.ts';
import { STREAM } from './workload.ts';

export interface LoadCase {
  readonly name: string;
  readonly transport: LoadOptions['transport'];
  readonly eventsPerBody: number;
  /** Distinct bodies that are cycled: with enough of them, about all users and URLs occur. */
  readonly bodies: number;
  readonly connections: number;
}

/** The first one is the main case. */
export const LOAD_CASES: readonly LoadCase[] = [
  { name: 'ndjson-1000', transport: 'ndjson', eventsPerBody: 1_000, bodies: 256, connections: 16 },
  { name: 'ndjson-100', transport: 'ndjson', eventsPerBody: 100, bodies: 2_000, connections: 16 },
  { name: 'single', transport: 'ndjson', eventsPerBody: 1, bodies: 20_000, connections: 512 },
  {
    name: 'websocket-1000',
    transport: 'websocket',
    eventsPerBody: 1_000,
    bodies: 256,
    connections: 4,
  },
  {
    name: 'msgpack-1000',
    transport: 'msgpack',
    eventsPerBody: 1_000,
    bodies: 256,
    connections: 16,
  },
];

export const MAIN_CASE = LOAD_CASES[0] as LoadCase;

/** `source` differs between generators that write to the same data folder. */
export function loadOptions(
  load: LoadCase,
  server: Pick<Server, 'host' | 'ingestPort'>,
  { seed = 1, source = 1, ...pace }: LoadVariation = {},
): LoadOptions {
  return {
    transport: load.transport,
    host: server.host,
    port: server.ingestPort,
    stream: STREAM,
    connections: load.connections,
    workload: { seed, source, bodies: load.bodies, eventsPerBody: load.eventsPerBody },
    ...pace,
  };
}

export interface LoadVariation {
  readonly seed?: number;
  readonly source?: number;
  readonly eventsPerSecond?: number;
  readonly repeatEvery?: number;
}
