/**
 * What only the leader of the cluster can answer, asked of any node: it goes to the leader whole, and its answer comes back as if it
 * had been found here, over every transport. What another node has sent is never sent on, so nothing goes round in circles.
 */
import { type ExecutionArgs, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { FAULT } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import type { LeaderPort } from '../src/query/leader-port.ts';
import { asksLeader } from './answered-by.ts';
import type { Caller } from './context.ts';
import { maskError } from './error-mask.ts';
import { type ForwardedOperation, LeaderClient, type OperationResult } from './leader-client.ts';
import { leaderStream, type Subscribed } from './leader-stream.ts';
import { LeaderWatch } from './leader-watch.ts';

/** Of an execution's context, what is looked at here. */
export interface AskedOperation {
  readonly caller: Caller;
  /** As it was sent. */
  readonly params: {
    readonly query?: string | undefined;
    readonly operationName?: string | undefined;
    readonly variables?: Record<string, unknown> | undefined;
  };
  /** There for HTTP: aborted when the client goes. */
  readonly request?: Request | undefined;
}

export interface Forwarding {
  readonly plugin: Plugin;
  close(): Promise<void>;
}

export function createForwarding(leader: LeaderPort, logger: Logger): Forwarding {
  const watch = new LeaderWatch(leader);
  const client = new LeaderClient(leader, watch, logger);
  const told = (error: unknown): OperationResult => ({
    data: null,
    errors: [maskError(error, logger)],
  });

  async function ask({ contextValue }: ExecutionArgs): Promise<OperationResult> {
    const asked = contextValue as AskedOperation;
    if (asked.caller.isForwarded) return { data: null, errors: [notLeader(leader)] };
    try {
      return await client.ask(operationOf(asked), asked.request?.signal);
    } catch (error) {
      return told(error);
    }
  }

  async function subscribe(
    args: ExecutionArgs,
    subscribeHere: (args: ExecutionArgs) => Promise<Subscribed>,
  ): Promise<Subscribed> {
    const asked = args.contextValue as AskedOperation;
    const { isForwarded } = asked.caller;
    if (isForwarded && !leader.isLeader) return { errors: [notLeader(leader)] };
    const follow = (left: AbortSignal) => client.follow(operationOf(asked), left);
    const there = isForwarded ? undefined : follow;
    return leaderStream({ leader, watch, here: () => subscribeHere(args), there, told });
  }

  return {
    plugin: {
      onExecute({ args, setExecuteFn }) {
        if (!leader.isLeader && asksLeader(args.document, args.operationName)) setExecuteFn(ask);
      },
      onSubscribe({ args, subscribeFn, setSubscribeFn }) {
        if (!asksLeader(args.document, args.operationName)) return;
        setSubscribeFn((given: ExecutionArgs) => subscribe(given, async (own) => subscribeFn(own)));
      },
    },
    close: () => client.close(),
  };
}

function operationOf({ caller, params }: AskedOperation): ForwardedOperation {
  const { query = '', operationName, variables } = params;
  return { query, operationName, variables, authorization: caller.authorization };
}

/** Names the one that does lead, for whoever can ask it. */
function notLeader({ leaderUrl }: LeaderPort): GraphQLError {
  const who =
    leaderUrl === undefined
      ? 'it knows of none that does just now'
      : `the node at ${leaderUrl} does`;
  const { retryable } = FAULT.not_leader;
  return new GraphQLError(`this node does not lead the cluster; ${who}`, {
    extensions: { code: 'not_leader', retryable, leader: leaderUrl ?? null },
  });
}
