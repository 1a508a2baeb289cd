/** What a test and its recorder process tell each other. */

export interface RecorderOptions {
  readonly seed: number;
  /** Signs; as the receiver of the configuration has it. */
  readonly secret: string;
  /** One JSON line per request, written before it is answered. */
  readonly file: string;
  /** Of the requests, how many get no good answer. */
  readonly badShare: number;
}
export interface RecorderReady {
  readonly port: number;
}
export type RecorderCommand = 'becomeGood';
