/** What the edge needs of a log. The composition root hands in the journal's writer, or a link to it. */
import type { Appended } from '../model/appended.ts';
import type { LogRefusalCode } from './refusal.ts';

export interface AppendLog {
  /** All or none, in order; resolves with each block's offset, if it is known yet, once they survive a power cut. Rejects with an `AppError`. */
  append(blocks: readonly Uint8Array[]): Promise<Appended>;
  /** Why the next append would be refused. */
  readonly refusal: LogRefusalCode | undefined;
}
