/** What every node answers for itself, to the others; and all of them asked at once. */
import { z } from 'zod';
import type { ActorSnapshot } from '../../actors/runtime.ts';
import { AppError } from '../model/errors.ts';
import type { ArchiverNumbers } from '../query/archive-port.ts';
import type {
  DeadLetterQuery,
  DeadLettersHere,
  NodeSystem,
  PartitionView,
  PendingEvents,
} from '../query/system.ts';
import type { ArchivingState, NodeArchiving } from './archiving.ts';
import type { NodeResponder } from './node-answers.ts';
import type { RemotePartitions } from './remote-partitions.ts';

/** Of a node, by the name of the question. */
export type SelfQuestions = {
  readonly actors: { readonly ask: undefined; readonly answer: readonly ActorSnapshot[] };
  readonly partitions: { readonly ask: undefined; readonly answer: readonly PartitionView[] };
  readonly deadLetters: { readonly ask: DeadLetterQuery; readonly answer: DeadLettersHere };
  readonly spooled: {
    readonly ask: { readonly tenant: string; readonly stream: string };
    readonly answer: PendingEvents;
  };
  /** Undefined until its archive has been opened. */
  readonly archiver: { readonly ask: undefined; readonly answer: ArchiverNumbers | undefined };
  /** Brings what is here to the archive. Asked again and again with one number until it is done. */
  readonly archiveNow: { readonly ask: string; readonly answer: ArchivingState };
};

/** What one of the other nodes said; undefined: it does not answer. */
export interface SelfAnswer<Name extends keyof SelfQuestions> {
  readonly node: string;
  readonly answer: SelfQuestions[Name]['answer'] | undefined;
}

/** The other nodes. */
export interface Peers {
  /** The name of this one. */
  readonly self: string;
  askAll<Name extends keyof SelfQuestions>(
    name: Name,
    ask: SelfQuestions[Name]['ask'],
    timeoutMs: number,
  ): Promise<readonly SelfAnswer<Name>[]>;
}

export const peersOf = (self: string, remote: Pick<RemotePartitions, 'askAll'>): Peers => ({
  self,
  async askAll(name, ask, timeoutMs) {
    const answers = await remote.askAll(name, ask, timeoutMs);
    // Nodes of one cluster run one release, or one that answers the same: the key has let them in.
    return answers.map(({ node, answer }) => ({
      node,
      answer: answer as SelfQuestions[typeof name]['answer'] | undefined,
    }));
  },
});

const LETTERS = z.object({
  tenant: z.string(),
  stream: z.string().optional(),
  code: z.string().optional(),
  fromMs: z.number().optional(),
  toMs: z.number().optional(),
  contains: z.string().optional(),
  first: z.int().min(1).max(1_000),
  after: z.string().optional(),
});
const SPOOLED = z.object({ tenant: z.string(), stream: z.string() });

export function selfResponder(
  system: NodeSystem,
  archiving: NodeArchiving | undefined,
): NodeResponder {
  const answers: Readonly<Record<keyof SelfQuestions, (ask: unknown) => Promise<unknown>>> = {
    actors: () => system.actors(),
    partitions: () => system.partitions(),
    deadLetters: async (ask) => system.deadLettersHere(LETTERS.parse(ask)),
    spooled: async (ask) => {
      const { tenant, stream } = SPOOLED.parse(ask);
      return system.spooledEvents(tenant, stream);
    },
    archiver: async () => archiving?.numbers(),
    archiveNow: async (ask) => archiving?.run(z.string().max(100).parse(ask)),
  };
  return {
    async answer(name, ask) {
      const known = Object.entries(answers).find(([each]) => each === name);
      if (known === undefined) {
        throw new AppError('query_invalid', `there is no question "${name.slice(0, 100)}"`);
      }
      try {
        return await known[1](ask);
      } catch (error) {
        if (!(error instanceof z.ZodError)) throw error;
        throw new AppError('query_invalid', `"${name}" is asked in another form`, {}, error);
      }
    },
  };
}
