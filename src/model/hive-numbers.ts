/** How far Hive has been told of the archive. */
export interface HiveNumbers {
  /** Of the manifest: Hive has all of it. 0: nothing is known yet. */
  readonly version: number;
  readonly versionsBehind: number;
  /** For how long Hive has lacked something, as far as this process knows. */
  readonly behindMs: number;
  /** Streams of which it lacks something. */
  readonly tablesBehind: number;
  /** Since the start. */
  readonly statements: number;
  readonly failures: number;
  /** What went wrong the last time; undefined when all is well again. */
  readonly problem: string | undefined;
}
