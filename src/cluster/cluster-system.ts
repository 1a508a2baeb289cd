/** What operators ask about, put together from all nodes. */
import { AppError } from '../model/errors.ts';
import { newerInTopic, placeOf } from '../query/dead-letter-order.ts';
import type { DeadLetterView, NodeSystem, SystemPort } from '../query/system.ts';
import type { Peers } from './node-questions.ts';

/** As long as a node waits for its own threads, and some more. */
const ANSWER_TIMEOUT_MS = 3_000;
/** Partitions that are named in one sentence. */
const NAMED_MAX = 8;

export function clusterSystem(own: NodeSystem, peers: Peers, partitions: number): SystemPort {
  return {
    /** By their nodes. Those of a node that does not answer are left out: who is away is told elsewhere. */
    async actors() {
      const [here, others] = await Promise.all([
        own.actors(),
        peers.askAll('actors', undefined, ANSWER_TIMEOUT_MS),
      ]);
      const all = [{ node: peers.self, answer: here }, ...others];
      return all.flatMap(({ node, answer = [] }) =>
        answer.map((actor) => ({ ...actor, path: `${node}/${actor.path}` })),
      );
    },

    /** As `actors`. */
    async partitions() {
      const [here, others] = await Promise.all([
        own.partitions(),
        peers.askAll('partitions', undefined, ANSWER_TIMEOUT_MS),
      ]);
      const all = [...here, ...others.flatMap(({ answer }) => answer ?? [])];
      return all.sort((a, b) => a.partition - b.partition);
    },

    async deadLetters(query) {
      const [here, others] = await Promise.all([
        own.deadLettersHere(query),
        peers.askAll('deadLetters', query, ANSWER_TIMEOUT_MS),
      ]);
      const answers = [here, ...others.flatMap(({ answer }) => answer ?? [])];
      const answered = new Set(answers.flatMap((answer) => answer.partitions));
      const missing = Array.from({ length: partitions }, (_, p) => p).filter(
        (partition) => !answered.has(partition),
      );
      if (missing.length > 0) throw unanswered(missing);
      const letters = answers.flatMap((answer) => answer.letters);
      return { letters: newest(letters, query.first) };
    },

    async pendingEvents(tenant, stream, from) {
      const [here, others] = await Promise.all([
        own.pendingEvents(tenant, stream, from),
        peers.askAll('spooled', { tenant, stream }, ANSWER_TIMEOUT_MS),
      ]);
      const elsewhere = others.reduce((sum, { answer }) => sum + (answer?.events ?? 0), 0);
      const isComplete = here.isComplete && others.every(({ answer }) => answer?.isComplete);
      return { events: here.events + elsewhere, isComplete };
    },
  };
}

/** A partition that moved meanwhile may have been answered for by two. */
function newest(letters: readonly DeadLetterView[], first: number): readonly DeadLetterView[] {
  return [...new Map(letters.map((letter) => [letter.id, letter])).values()]
    .sort((a, b) => newerInTopic(placeOf(a.id), placeOf(b.id)))
    .slice(0, first);
}

function unanswered(partitions: readonly number[]): AppError {
  const named = partitions.slice(0, NAMED_MAX).join(', ');
  const more = partitions.length > NAMED_MAX ? ', …' : '';
  return new AppError(
    'partition_elsewhere',
    `dead letters of partitions ${named}${more} cannot be read just now: the node that has them does not answer, or they are on their way to another one`,
  );
}
