/**
 * What a link to a dashboard may ask: root fields of the list below, and nothing else, be it ever so new. Judged here for every
 * operation of every transport, before it is executed or sent on.
 */
import { type ExecutionArgs, GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Access } from './authorize.ts';
import { rootFieldsOf } from './root-fields.ts';

/** Each of them looks itself which dashboard the link shows. */
const SHARED_FIELDS: ReadonlySet<string> = new Set([
  'Query.sharedDashboard',
  'Query.panel',
  'Query.__typename',
  'Subscription.sharedDashboard',
  'Subscription.panel',
]);

export const shareGuard: Plugin = {
  onExecute({ args, setResultAndStopExecution }) {
    if (!mayExecute(args)) setResultAndStopExecution(REFUSED);
  },
  onSubscribe({ args, setResultAndStopExecution }) {
    if (!mayExecute(args)) setResultAndStopExecution(REFUSED);
  },
};

function mayExecute({ contextValue, document, operationName }: ExecutionArgs): boolean {
  const { access } = contextValue as { readonly access: Access };
  if (access.share === undefined) return true;
  const fields = rootFieldsOf(document, operationName);
  return fields.length > 0 && fields.every((field) => SHARED_FIELDS.has(field));
}

const REFUSED = {
  errors: [
    new GraphQLError('a link to a dashboard may ask for that dashboard and its panels alone', {
      extensions: { code: 'forbidden', http: { status: 403 } },
    }),
  ],
};
