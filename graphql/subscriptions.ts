/**
 * Subscriptions that are open, over whatever transport: how many anybody may have, and that they end with the session in
 * whose name they were opened. Over HTTP each is a connection, too.
 */
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'graphql';
import { isAsyncIterable, type Plugin } from 'graphql-yoga';
import { ok, type Result } from '../src/model/result.ts';
import { pullIterator } from '../src/query/pull-iterator.ts';
import type { Access } from './authorize.ts';
import type { Caller } from './context.ts';
import { overload } from './error-mask.ts';
import type { Room } from './room.ts';

export interface SubscriptionsOptions {
  readonly rooms: Rooms;
  /** Whether the session has not ended. */
  readonly isOpen: (sessionId: string) => boolean;
}

export interface Rooms {
  /** WebSockets, and streams over HTTP. */
  readonly connections: Room;
  readonly subscriptions: Room;
}

export interface Subscriptions {
  /** To be the last plugin: what others refuse takes no room, and what others put in its place is held. */
  readonly plugin: Plugin;
  /** Ends what was opened in the name of that session. */
  endSession(id: string): void;
}

/** Of an execution's context, what is looked at here. */
interface Subscriber {
  readonly access: Access;
  readonly caller: Caller;
  /** There for HTTP. */
  readonly request?: Request | undefined;
}

type Results = AsyncIterableIterator<ExecutionResult>;

export function createSubscriptions({ rooms, isOpen }: SubscriptionsOptions): Subscriptions {
  /** Of each session the ends of what is open in its name; none that has nothing open. */
  const endsOf = new Map<string, Set<() => void>>();

  /** As `Room.take`. */
  function takeRoom({ access, caller, request }: Subscriber): Result<() => void, string> {
    const subscription = rooms.subscriptions.take(access);
    // What a node sends on is a connection of that node, which bounds how many it opens.
    if (!subscription.ok || request === undefined || caller.isForwarded) return subscription;
    const connection = rooms.connections.take(access);
    if (!connection.ok) {
      subscription.value();
      return connection;
    }
    return ok(() => {
      subscription.value();
      connection.value();
    });
  }

  function watch(sessionId: string | undefined, end: () => void): () => void {
    if (sessionId === undefined) return () => {};
    const ends = endsOf.get(sessionId) ?? new Set();
    endsOf.set(sessionId, ends.add(end));
    return () => {
      ends.delete(end);
      if (ends.size === 0) endsOf.delete(sessionId);
    };
  }

  async function subscribe(
    args: ExecutionArgs,
    begin: (args: ExecutionArgs) => Promise<Results | ExecutionResult>,
  ): Promise<Results | ExecutionResult> {
    const subscriber = args.contextValue as Subscriber;
    const { sessionId } = subscriber.caller;
    const room = takeRoom(subscriber);
    if (!room.ok) return { errors: [overload(room.error)] };
    const leave = room.value;
    try {
      const results = await begin(args);
      if (!isAsyncIterable(results)) {
        leave();
        return results;
      }
      return held(results, (end) => {
        const unwatch = watch(sessionId, end);
        // It may have ended while this began.
        if (sessionId !== undefined && !isOpen(sessionId)) end();
        return () => {
          unwatch();
          leave();
        };
      });
    } catch (error) {
      leave();
      throw error;
    }
  }

  return {
    plugin: {
      onSubscribe({ subscribeFn, setSubscribeFn }) {
        setSubscribeFn((args: ExecutionArgs) => subscribe(args, async (own) => subscribeFn(own)));
      },
      onResultProcess({ result, resultProcessor }) {
        // The client accepts no stream. Yoga answers 406, and would leave open what nobody reads.
        if (resultProcessor === undefined && isAsyncIterable(result)) endUnread(result);
      },
    },
    endSession(id) {
      for (const end of [...(endsOf.get(id) ?? [])]) end();
    },
  };
}

/** `hold` is given what ends it with a last word, and answers what to do when it is over. */
function held(results: Results, hold: (end: () => void) => () => void): Results {
  let lastWord: ExecutionResult | undefined;
  const release = hold(() => {
    lastWord = SIGNED_OUT;
    // A `next` that waits ends by this.
    void results.return?.();
  });
  const pull = async (): Promise<ExecutionResult | undefined> => {
    const { done, value } = await results.next();
    if (done !== true && lastWord === undefined) return value;
    const last = lastWord;
    lastWord = undefined;
    return last;
  };
  return pullIterator(pull, () => {
    release();
    void results.return?.();
  });
}

function endUnread(results: AsyncIterable<unknown>): void {
  void results[Symbol.asyncIterator]().return?.();
}

const SIGNED_OUT: ExecutionResult = {
  errors: [
    new GraphQLError('this session has ended: sign in again', {
      extensions: { code: 'unauthorized' },
    }),
  ],
};
