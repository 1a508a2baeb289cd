/** Arguments of `timeseries` that were stored as plain JSON: judged, and read again, by the types of the schema itself. */
import {
  coerceInputValue,
  type GraphQLArgument,
  GraphQLInputObjectType,
  type GraphQLSchema,
  validateInputValue,
} from 'graphql';
import type { AlarmProblem } from '../src/model/alarm-board.ts';
import type { PanelQuestion } from '../src/model/dashboard.ts';
import { AppError } from '../src/model/errors.ts';
import type { TimeseriesSource } from '../src/query/answer.ts';
import type { Maybe } from './resolvers/arguments.ts';
import type { TimeseriesArgs } from './resolvers/timeseries.ts';

export type StoredArgs = TimeseriesArgs & { readonly source?: Maybe<TimeseriesSource> };

/** With the defaults of those that were not given. Throws `query_invalid`: a later release may have other arguments. */
export function argumentsOf(question: PanelQuestion, schema: GraphQLSchema): StoredArgs {
  const [problem] = problemsOfArguments(question, schema);
  if (problem === undefined) {
    return coerceInputValue(question, argumentsType(schema)) as StoredArgs;
  }
  const { path, message } = problem;
  throw new AppError('query_invalid', `the stored question is none any more: ${path}: ${message}`);
}

/** Paths begin in the question: `measures[0].op`. */
export function problemsOfArguments(question: unknown, schema: GraphQLSchema): AlarmProblem[] {
  const problems: AlarmProblem[] = [];
  validateInputValue(question, argumentsType(schema), ({ message }, path) => {
    problems.push({ path: inWords(path), message });
  });
  return problems;
}

/** They are of one moment, and not of what is asked. */
const NOT_STORED: ReadonlySet<string> = new Set(['after']);

/** Input of the same fields as `timeseries` has arguments. */
function argumentsType(schema: GraphQLSchema): GraphQLInputObjectType {
  const args = schema.getQueryType()?.getFields()['timeseries']?.args ?? [];
  return new GraphQLInputObjectType({
    name: 'TimeseriesQuestion',
    fields: Object.fromEntries(
      args.filter(({ name }) => !NOT_STORED.has(name)).map((arg) => [arg.name, fieldOf(arg)]),
    ),
  });
}

const fieldOf = ({ type, default: byDefault }: GraphQLArgument) => ({ type, default: byDefault });

const inWords = (path: readonly (string | number)[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
