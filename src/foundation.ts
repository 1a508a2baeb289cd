/** What the parts of the server share; made once, by main.ts. */
import type { OpenState } from '../storage/state/rocksdb.ts';
import type { CheckpointSide } from './checkpoint-side.ts';
import type { Config } from './config.ts';
import type { Declarations } from './declarations.ts';
import type { LogHere } from './log-side.ts';
import type { ThreadLogger } from './logging.ts';
import type { AppError } from './model/errors.ts';
import type { Progress } from './threads/progress.ts';

export interface Foundation extends LogHere {
  readonly config: Config;
  readonly logger: ThreadLogger;
  readonly state: OpenState;
  /** Undefined: none are taken. */
  readonly checkpoints: CheckpointSide | undefined;
  readonly progress: Progress;
  readonly declarations: Declarations;
  /** A thread that ended by itself. */
  readonly onFailed: (fault: AppError) => void;
}
