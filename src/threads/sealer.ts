/**
 * A process with DuckDB that makes segments. A process, because DuckDB's statements run on threads that all of a process share: in the
 * server's they would have its priority, whatever the archive thread has, and the journal's syncs would wait behind them.
 */
import { constants } from 'node:os';
import { type Duck, openDuck } from '../../storage/segments/duckdb.ts';
import { assertNever } from '../model/result.ts';
import { answerOf } from './asker.ts';
import { beLesser } from './lesser-process.ts';
import type { ToSealer } from './sealer-protocol.ts';

beLesser(constants.priority.PRIORITY_BELOW_NORMAL);

let opened: Duck | undefined;

process.on('message', (question: ToSealer) => {
  void answerOf(question.id, () => answer(question)).then((said) => process.send?.(said));
});

async function answer(question: ToSealer): Promise<unknown> {
  switch (question.name) {
    case 'open':
      close();
      opened = await openDuck(question.ask);
      return undefined;
    case 'rows':
      return database().rows(question.ask.sql);
    case 'interrupt':
      opened?.interrupt();
      return undefined;
    case 'close':
      close();
      return undefined;
    default:
      return assertNever(question);
  }
}

function database(): Duck {
  if (opened === undefined) throw new RangeError('a statement came before its database was opened');
  return opened;
}

function close(): void {
  opened?.close();
  opened = undefined;
}
