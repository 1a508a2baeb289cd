/** Backups of the data folder, as operators ask for them and see them. */

export type BackupState = 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED';

export interface BackupView {
  readonly to: string;
  readonly state: BackupState;
  /** What is copied just now, or was last: `archive`, `state`, `journal`. */
  readonly phase: string;
  readonly files: number;
  readonly bytes: number;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** Everything before this offset of the log is in it. Undefined until it is done. */
  readonly position: number | undefined;
  /** Undefined: the archive is in it, or there is none. */
  readonly archiveElsewhere: string | undefined;
  /** Why it failed. */
  readonly problem: string | undefined;
}

export interface BackupPort {
  /** The one that runs, or the last one since the server's start. */
  view(): BackupView | undefined;
  /**
   * Starts one. `mark` is what the asker has written into the folder. Rejects with `backup_invalid` if one runs already, or if the
   * folder is no place for one.
   */
  start(to: string, mark: string): Promise<BackupView>;
  /** Ends the one that runs. */
  cancel(): Promise<BackupView | undefined>;
}
