/** DuckDB for work that can be done again: a server that stops does not wait for its statements. */
import type { Statements } from '../../storage/segments/duckdb.ts';

export interface StoppableTools {
  readonly openDuck: () => Promise<Statements>;
  /** The server is stopping. */
  readonly signal: AbortSignal;
}

/** One for each piece of work: in between its memory is given back. Rejects if `signal` aborts while a statement runs, or before. */
export async function withDuck<T>(
  { openDuck, signal }: StoppableTools,
  work: (duck: Statements) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const duck = await openDuck();
  const interrupt = () => duck.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    signal.throwIfAborted();
    return await work(duck);
  } finally {
    signal.removeEventListener('abort', interrupt);
    duck.close();
  }
}
