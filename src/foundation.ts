/** What the parts of the server share; made once, by main.ts. */
import type { JournalShared } from '../storage/log/journal-shared.ts';
import type { OpenState } from '../storage/state/rocksdb.ts';
import type { Config } from './config.ts';
import type { Declarations } from './declarations.ts';
import type { ThreadLogger } from './logging.ts';
import type { AppError } from './model/errors.ts';
import type { Progress } from './threads/progress.ts';

export interface Foundation {
  readonly config: Config;
  readonly logger: ThreadLogger;
  readonly state: OpenState;
  readonly journalDir: string;
  readonly shared: JournalShared;
  readonly progress: Progress;
  readonly declarations: Declarations;
  /** A thread that ended by itself. */
  readonly onFailed: (fault: AppError) => void;
}
