/** What `/readyz` says of a log that takes nothing. */
import type { LogRefusal } from '../../storage/log/log.ts';
import type { SpoolView } from '../model/spool-view.ts';

/** The code alone where it says enough. */
export function refusalInWords(
  refusal: LogRefusal,
  topic: string | undefined,
  spool: SpoolView | undefined,
): string {
  switch (refusal) {
    case 'log_away':
      return `the brokers that have the topic ${topic} do not answer, or do not take what is written`;
    case 'log_gone':
      return `the topic ${topic} was deleted, or made anew: nothing is written or read any more${left(spool)}`;
    default:
      return refusal;
  }
}

function left(spool: SpoolView | undefined): string {
  if (spool === undefined || spool.waiting.blocks === 0) return '';
  return `; ${spool.waiting.events} events that were acknowledged are in the spool and cannot come into it`;
}
