/** A mutation, and what became of it. */
import { useState } from 'preact/hooks';
import type { Problem } from './alarm-answers.ts';
import { AskError, ask } from './graph.ts';
import { asAskError, usePage } from './hooks.ts';

export interface Command {
  readonly isRunning: boolean;
  readonly error: AskError | undefined;
  /** Answers whether it was done. `mutation` calls what it asks for `result`, with its `problems`. */
  readonly run: (mutation: string, variables: object) => Promise<boolean>;
}

export function useCommand(done: () => void): Command {
  const { ended } = usePage();
  const [isRunning, setIsRunning] = useState(false);
  const [error, setError] = useState<AskError>();
  const run = async (mutation: string, variables: object): Promise<boolean> => {
    setIsRunning(true);
    setError(undefined);
    try {
      const { result } = await ask<{ readonly result: { readonly problems: readonly Problem[] } }>(
        mutation,
        variables,
      );
      if (result.problems.length > 0)
        throw new AskError('refused', problemsInWords(result.problems));
      done();
      return true;
    } catch (failed) {
      const refusal = asAskError(failed);
      if (refusal.code === 'unauthorized') ended();
      else setError(refusal);
      return false;
    } finally {
      setIsRunning(false);
    }
  };
  return { isRunning, error, run };
}

export const problemsInWords = (problems: readonly Problem[]): string =>
  problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
