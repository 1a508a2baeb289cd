/**
 * A process that has DuckDB, and runs one statement at a time. A process, because what users ask may need more memory than
 * anybody counts, never come to an end, or find a fault in a native library: it ends with the process, and events are
 * taken in meanwhile. It has no environment, and nothing of the server's memory.
 */
import { Socket } from 'node:net';
import { CopyOutput } from '../../actors/cold/duck-copy.ts';
import {
  openAhead,
  parseStatement,
  runCopy,
  runStatement,
} from '../../actors/cold/duck-statement.ts';
import { assertNever } from '../model/result.ts';
import { answerOf } from './asker.ts';
import { type FromDuck, OUTPUT_FD, type ToDuck } from './duck-protocol.ts';
import { beLesser } from './lesser-process.ts';

/** Behind taking events in, before bringing them to the archive. */
const PRIORITY = 5;

beLesser(PRIORITY);

/** Of all exports of the process; whoever reads it knows how much each wrote. */
const output = new CopyOutput(new Socket({ fd: OUTPUT_FD, readable: false, writable: true }));

process.on('message', (question: ToDuck) => {
  // A statement that is parsed is mostly run next, in a database of its own.
  if (question.name === 'parse') openAhead(question.ask.limits);
  void answerOf(question.id, () => answer(question)).then((answer) => {
    tell(answer);
    if (question.name === 'run' && question.ask.question.author === 'user') {
      openAhead(question.ask.limits);
    }
  });
});
// Loaded now, so that the first statement does not wait for it.
await import('@duckdb/node-api');
tell({ type: 'listening' });

function answer(question: ToDuck): Promise<unknown> {
  switch (question.name) {
    case 'run':
      return runStatement(question.ask.limits, question.ask.question);
    case 'parse':
      return parseStatement(question.ask.limits, question.ask.query);
    case 'copy':
      return runCopy(question.ask.limits, question.ask.question, output);
    default:
      return assertNever(question);
  }
}

function tell(message: FromDuck): void {
  process.send?.(message);
}
