/**
 * A subscription that the leader of the cluster answers, be it this node or another one. It survives a change of leaders: the next
 * one begins with what its subscriptions begin with, a snapshot.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, isFault } from '../src/model/errors.ts';
import type { LeaderPort } from '../src/query/leader-port.ts';
import { pullIterator } from '../src/query/pull-iterator.ts';
import type { OperationResult } from './leader-client.ts';
import { LEADER_LOOK_MS, type LeaderWatch } from './leader-watch.ts';

export type Subscribed = AsyncIterable<OperationResult> | OperationResult;

export interface LeaderStreamOptions {
  readonly leader: LeaderPort;
  readonly watch: LeaderWatch;
  /** This node leads: what is subscribed here, or why nothing is. */
  readonly here: () => Promise<Subscribed>;
  /** Another one does, or none: from there until `left` is aborted. Undefined: then the subscription ends. */
  readonly there: ((left: AbortSignal) => AsyncIterable<OperationResult>) | undefined;
  /** What is told of a fault, as the last that is. */
  readonly told: (error: unknown) => OperationResult;
}

/** How long nobody may lead before subscriptions end: a session of the group, an assignment, and what a new leader reads first. */
const LEADER_WAIT_MS = 60_000;

/** Part of the stream, as long as one node leads. */
interface Source {
  readonly isHere: boolean;
  readonly messages: AsyncIterator<OperationResult>;
  close(): void;
}

export function leaderStream(options: LeaderStreamOptions): AsyncIterableIterator<OperationResult> {
  const { leader, there, told } = options;
  const left = new AbortController();
  let source: Source | undefined;
  /** Since when no leader is heard; undefined while one is. Whoever has not heard one yet is not kept waiting. */
  let lostMs: number | undefined = Number.NEGATIVE_INFINITY;
  let isOver = false;

  const last = (result: OperationResult): OperationResult => {
    isOver = true;
    return result;
  };
  const pull = async (): Promise<OperationResult | undefined> => {
    while (!left.signal.aborted && !isOver) {
      let fault: unknown;
      const wasHere: boolean = source?.isHere ?? leader.isLeader;
      try {
        source ??= await begin(options);
        // Whoever reads has gone meanwhile, and nobody asks for what comes.
        if (left.signal.aborted) source.close();
        const { done, value } = await source.messages.next();
        if (done !== true) {
          lostMs = undefined;
          return isRefusal(value) ? last(value) : value;
        }
        // It is over for whoever answers it: what it was about has gone. Of a lead that is lost a leader says so.
        if (!wasHere || leader.isLeader) return undefined;
      } catch (error) {
        fault = error;
      }
      source?.close();
      source = undefined;
      if (left.signal.aborted) return undefined;
      const isLost = wasHere ? !leader.isLeader : isOfLeaders(fault);
      lostMs ??= performance.now();
      const mayWait = there !== undefined && performance.now() - lostMs < LEADER_WAIT_MS;
      if (!isLost || !mayWait) return last(told(isLost && wasHere ? LEADS_NO_MORE : fault));
      await sleep(LEADER_LOOK_MS, undefined, { signal: left.signal }).catch(() => undefined);
    }
    return undefined;
  };
  return pullIterator(pull, () => {
    left.abort();
    source?.close();
  });
}

const LEADS_NO_MORE = new AppError('not_leader', 'this node does not lead the cluster any more');

const isOfLeaders = (fault: unknown): boolean =>
  isFault(fault, 'leader_away') || isFault(fault, 'not_leader');

/** Nothing follows an operation that could not be executed. */
const isRefusal = ({ data, errors }: OperationResult): boolean =>
  errors !== undefined && data == null;

async function begin({ leader, watch, here, there }: LeaderStreamOptions): Promise<Source> {
  if (!leader.isLeader) {
    if (there === undefined) throw LEADS_NO_MORE;
    const left = new AbortController();
    const messages = there(left.signal)[Symbol.asyncIterator]();
    const close = () => {
      left.abort();
      // One that waits for nothing does not hear the signal.
      void messages.return?.();
    };
    return { isHere: false, messages, close };
  }
  const begun = await here();
  const messages = iteratorOf(begun);
  const watched = watch.while(undefined);
  const close = () => {
    watched.end();
    // Ends a `next` that waits, too.
    void messages.return?.();
  };
  watched.signal.addEventListener('abort', close);
  return { isHere: true, messages, close };
}

const iteratorOf = (subscribed: Subscribed): AsyncIterator<OperationResult> =>
  Symbol.asyncIterator in subscribed ? subscribed[Symbol.asyncIterator]() : once(subscribed);

async function* once(result: OperationResult): AsyncGenerator<OperationResult> {
  yield result;
}
