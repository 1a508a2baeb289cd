/** Replays as the query API sees them. */
import type { ReplayRecord } from '../../actors/replay/protocol.ts';

export type { ReplayRecord } from '../../actors/replay/protocol.ts';

export interface ReplayRequest {
  readonly tenant: string;
  readonly stream: string;
  /** Undefined: all of the stream. */
  readonly rollup: string | undefined;
  readonly fromMs: number;
  readonly toMs: number;
  /** Swap the rebuilt rollups in when they are ready. */
  readonly apply: boolean;
  readonly allowLoss: boolean;
  /** Of one core, above 0, at most 1. */
  readonly share: number;
}

/** Rejects with `query_invalid` for what cannot be done, `query_overload` while another replay is at work. */
export interface ReplayPort {
  start(request: ReplayRequest): Promise<ReplayRecord>;
  apply(tenant: string, id: string, allowLoss: boolean): Promise<ReplayRecord>;
  cancel(tenant: string, id: string): Promise<ReplayRecord>;
  /** The newest first. */
  list(tenant: string): readonly ReplayRecord[];
}
