/** A mutation, and what became of it. */
import { useState } from 'preact/hooks';
import type { Problem } from './answers.ts';
import { AskError, ask } from './graph.ts';
import { useFailure } from './use-ask.ts';

export interface Command {
  readonly isRunning: boolean;
  readonly error: AskError | undefined;
  /** What of it was refused; empty where something else went wrong. */
  readonly problems: readonly Problem[];
  /** Answers what was done; undefined if nothing was. `mutation` calls what it asks for `result`, whose `problems` keep it from being done. */
  readonly run: <Result>(mutation: string, variables: object) => Promise<Result | undefined>;
}

interface Refusable {
  readonly problems?: readonly Problem[];
}

export function useCommand(done?: () => void): Command {
  const [isRunning, setIsRunning] = useState(false);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const { error, failed, forget } = useFailure();
  const run = async <Result>(mutation: string, variables: object): Promise<Result | undefined> => {
    setIsRunning(true);
    setProblems([]);
    forget();
    try {
      const { result } = await ask<{ readonly result: Result & Refusable }>(mutation, variables);
      const { problems: found = [] } = result;
      setProblems(found);
      if (found.length > 0) throw new AskError('refused', problemsInWords(found));
      done?.();
      return result;
    } catch (reason) {
      failed(reason);
      return undefined;
    } finally {
      setIsRunning(false);
    }
  };
  return { isRunning, error, problems, run };
}

export const problemsInWords = (problems: readonly Problem[]): string =>
  problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ');
