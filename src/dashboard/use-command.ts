/** A mutation, and what became of it. */
import { useState } from 'preact/hooks';
import type { Problem } from './alarm-answers.ts';
import { AskError, ask } from './graph.ts';
import { useFailure } from './hooks.ts';

export interface Command {
  readonly isRunning: boolean;
  readonly error: AskError | undefined;
  /** Answers whether it was done. `mutation` calls what it asks for `result`, with its `problems`. */
  readonly run: (mutation: string, variables: object) => Promise<boolean>;
}

export function useCommand(done: () => void): Command {
  const [isRunning, setIsRunning] = useState(false);
  const { error, failed, forget } = useFailure();
  const run = async (mutation: string, variables: object): Promise<boolean> => {
    setIsRunning(true);
    forget();
    try {
      const { result } = await ask<{ readonly result: { readonly problems: readonly Problem[] } }>(
        mutation,
        variables,
      );
      if (result.problems.length > 0)
        throw new AskError('refused', problemsInWords(result.problems));
      done();
      return true;
    } catch (reason) {
      failed(reason);
      return false;
    } finally {
      setIsRunning(false);
    }
  };
  return { isRunning, error, run };
}

export const problemsInWords = (problems: readonly Problem[]): string =>
  problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
