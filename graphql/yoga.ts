/** GraphQL execution with our limits, masks and access: the same for HTTP, SSE and WebSocket. */
import { GraphQLError } from 'graphql';
import { createYoga, isAsyncIterable, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from '../src/model/logger.ts';
import type { AlarmUpdates } from '../src/query/alarm-updates.ts';
import type { HealthUpdates } from '../src/query/health-updates.ts';
import type { StreamUpdates } from '../src/query/streams.ts';
import type { Access } from './authorize.ts';
import type { Caller, GraphContext, Services } from './context.ts';
import { maskError } from './error-mask.ts';
import type { Forwarding } from './forward.ts';
import { isTooDeep, operationLimits, TOKENS_MAX, VALUE_DEPTH_MAX } from './limits.ts';
import { asksForSchema } from './projection.ts';
import { executedSchema, schema } from './schema.ts';
import { stringifyResult } from './series-json.ts';
import { shareGuard } from './share-guard.ts';
import type { Subscriptions } from './subscriptions.ts';
import { TextResponse } from './text-response.ts';

/** What a transport says about a request. */
export interface RequestContext {
  readonly access: Access;
  readonly caller: Caller;
}

export type GraphServer = YogaServerInstance<RequestContext, GraphContext>;

export interface GraphServerOptions {
  readonly services: Services;
  readonly alarmUpdates: AlarmUpdates;
  readonly healthUpdates: HealthUpdates;
  readonly streamUpdates: StreamUpdates;
  readonly logger: Logger;
  /** Serves the GraphiQL page to browsers. */
  readonly graphiql: boolean;
  /** Undefined: the server is no node of a cluster. */
  readonly forwarding: Forwarding | undefined;
  readonly subscriptions: Subscriptions;
}

export const GRAPHQL_PATH = '/graphql';

const limits: Plugin = {
  onParse({ parseFn, setParseFn }) {
    setParseFn((source, options) => parseFn(source, { ...options, maxTokens: TOKENS_MAX }));
  },
  onValidate({ addValidationRule }) {
    addValidationRule(operationLimits);
  },
};

const execution: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    if (isTooDeep(args.variableValues)) setResultAndStopExecution(TOO_DEEP);
    else if (!asksForSchema(args.document)) args.schema = executedSchema;
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    if (isTooDeep(args.variableValues)) setResultAndStopExecution(TOO_DEEP);
    args.schema = executedSchema;
  },
};

/** Over HTTP, where yoga writes results; also the errors that it answers without an execution. */
const writing: Plugin = {
  onResultProcess({ result, setResult }) {
    if (!isAsyncIterable(result) && !Array.isArray(result)) setResult(writtenByUs(result));
  },
  onSubscribe: () => ({
    onSubscribeResult: () => ({
      onNext: ({ result, setResult }) => setResult(writtenByUs(result)),
    }),
  }),
};

const writtenByUs = <R extends object>(result: R): R & { stringify: typeof stringifyResult } => ({
  ...result,
  stringify: stringifyResult,
});

const TOO_DEEP = {
  errors: [
    new GraphQLError(`variables may nest ${VALUE_DEPTH_MAX} deep`, {
      extensions: { code: 'query_invalid', retryable: false },
    }),
  ],
};

export function createGraphServer(options: GraphServerOptions): GraphServer {
  const { services, alarmUpdates, healthUpdates, streamUpdates, subscriptions } = options;
  const { logger, graphiql, forwarding } = options;
  return createYoga<RequestContext, GraphContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: ({ access, caller }) => ({
      ...{ access, caller, services },
      ...{ alarmUpdates, healthUpdates, streamUpdates },
    }),
    plugins: [
      shareGuard,
      limits,
      execution,
      writing,
      ...(forwarding === undefined ? [] : [forwarding.plugin]),
      subscriptions.plugin,
    ],
    maskedErrors: { maskError: (error) => maskError(error, logger) },
    // The mask logs what is worth it, with the id that the client gets.
    logging: false,
    graphiql: graphiql && { title: 'Streamgauge', defaultQuery: FIRST_QUERY },
    // Its page is 9 MB of text: loaded by the first who opens it.
    renderGraphiQL: async (page) =>
      (await import('@graphql-yoga/render-graphiql')).renderGraphiQL(page),
    landingPage: false,
    cors: false,
    multipart: false,
    batching: false,
    // Bodies come here whole and bounded (routes.ts): to count their bytes again, as a stream, is a good part of a short question.
    maxRequestBodySize: false,
    // Node's own: yoga's stand-ins do not hold back a stream whose reader is slow.
    fetchAPI: {
      Request,
      Response: TextResponse,
      Headers,
      ReadableStream,
      TextEncoder,
      TextDecoder,
      URL,
    },
  });
}

const FIRST_QUERY = `# Events by type over the last 15 minutes.
{
  timeseries(last: "15m", step: "1m", measures: [{ op: count }], groupBy: ["type"]) {
    watermark
    complete
    series {
      labels { name value }
      points { t values { value errorBound } }
    }
  }
}
`;
