/** What a test and its generator process tell each other: plain JSON over the fork's channel. */
import type { Truth } from '../truth.ts';
import type { WorkloadOptions } from '../workload.ts';

export interface LoadOptions {
  readonly transport: 'ndjson' | 'msgpack' | 'websocket';
  readonly host: string;
  readonly port: number;
  readonly stream: string;
  /** Each has one request open at a time; a WebSocket as many frames as its credit allows. */
  readonly connections: number;
  readonly workload: WorkloadOptions;
  /** Without it each connection sends as soon as it has its answer. */
  readonly eventsPerSecond?: number;
  /** Every so many-th body goes out once more, as it is, after it was acknowledged. */
  readonly repeatEvery?: number;
}

export type Command =
  /** Builds the bodies and opens the connections; sending begins with `resume`. */
  | { readonly type: 'prepare'; readonly options: LoadOptions }
  | { readonly type: 'resume' }
  /** Sends nothing new, waits until everything sent is acknowledged, over as many reconnects as it takes. */
  | { readonly type: 'drain' }
  /** Answers with the next acknowledgement that comes in. */
  | { readonly type: 'nextAcknowledgement' }
  /** Answers with the figures since the last `measure`. */
  | { readonly type: 'measure' }
  | { readonly type: 'truth' };

/** Figures of the interval between two `measure` commands. */
export interface Measured {
  readonly seconds: number;
  readonly events: number;
  readonly requests: number;
  /** User and system time of the whole generator process. */
  readonly cpuSeconds: number;
  readonly latencyMs: {
    readonly p50: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** Answers 429 and 503, each of which was sent again, and lost connections. */
  readonly refused: number;
  readonly reconnects: number;
  /** Answers that no correct server gives to this load; the first few of them. */
  readonly unexpected: readonly string[];
}

export interface Answers {
  readonly prepare: { readonly bodies: number; readonly payloadBytesPerEvent: number };
  readonly resume: Record<string, never>;
  readonly drain: { readonly events: number };
  readonly nextAcknowledgement: { readonly atMs: number };
  readonly measure: Measured;
  readonly truth: Truth;
}

export type Call = Command & { readonly call: number };
export interface Return {
  readonly call: number;
  readonly answer?: Answers[keyof Answers];
  readonly error?: string;
}
