/** What one node asks another. Whatever comes over the network is checked here before a partition hears it. */
import { z } from 'zod';
import { PARTITIONS_MAX } from '../model/block-format.ts';
import type { AboutPartition, PartitionQuestions } from '../threads/protocol.ts';

/** Beside what is asked of partitions: their stored rows, and what a node says for itself. */
export type NodeQuestions = {
  /** Keys of partitions that the node has. */
  readonly getMany: {
    readonly ask: { readonly keys: readonly Uint8Array[] };
    readonly answer: (Uint8Array | undefined)[];
  };
  /** Of one partition, as `StateReader.page`, or from the end backwards; the answer is packed (`packRows`). */
  readonly page: {
    readonly ask: {
      readonly from: Uint8Array;
      readonly to: Uint8Array;
      readonly rowsMax: number;
      readonly isDown: boolean;
    };
    readonly answer: Uint8Array;
  };
  /** What every node answers for itself, by the name of the question. */
  readonly node: {
    readonly ask: { readonly name: string; readonly ask: unknown };
    readonly answer: unknown;
  };
};

/** Standing still is for the partitions of one server. */
export type RemoteName = Exclude<AboutPartition, 'hold' | 'release'>;

export const isRemoteName = (name: AboutPartition): name is RemoteName =>
  name !== 'hold' && name !== 'release';

type Asked = {
  readonly [Name in RemoteName]: z.ZodType<PartitionQuestions[Name]['ask']>;
} & {
  readonly [Name in keyof NodeQuestions]: z.ZodType<NodeQuestions[Name]['ask']>;
};

const number = z.custom<number>((value) => typeof value === 'number' && !Number.isNaN(value));
const partition = z
  .int()
  .min(0)
  .max(PARTITIONS_MAX - 1);
const bytes = z.instanceof(Uint8Array);
const about = <T extends z.ZodType>(request: T) => z.object({ partition, request });

const ASKS = {
  collect: about(
    z.object({
      tenant: z.string(),
      rollup: z.string(),
      identity: z.string(),
      fromMs: number,
      toMs: number,
      steps: z.array(number),
      groups: z.array(number),
    }),
  ),
  partials: about(
    z.object({
      asks: z.array(
        z.object({
          tenant: z.string(),
          rollup: z.string(),
          identity: z.string(),
          fromMs: number,
          afterSeries: number,
          neededFromMs: number,
        }),
      ),
    }),
  ),
  ledger: about(z.object({ tenant: z.string(), fromMs: number, toMs: number })),
  overflows: about(z.object({ tenant: z.string() })),
  verdict: about(z.object({ offset: number, rowFrom: number, rowTo: number })),
  getMany: z.object({ keys: z.array(bytes) }),
  page: z.object({
    from: bytes,
    to: bytes,
    rowsMax: z.int().min(1).max(100_000),
    isDown: z.boolean(),
  }),
  node: z.object({ name: z.string(), ask: z.unknown() }),
} satisfies Asked;

const question = <Name extends keyof Asked>(name: Name) =>
  z.object({ id: z.int().min(0), name: z.literal(name), ask: ASKS[name] });

const QUESTION = z.discriminatedUnion('name', [
  question('collect'),
  question('partials'),
  question('ledger'),
  question('overflows'),
  question('verdict'),
  question('getMany'),
  question('page'),
  question('node'),
]);
export type AskedQuestion = z.infer<typeof QUESTION>;

const ASKED = z.array(QUESTION);
const RANGES = z.array(z.tuple([bytes, bytes]));

/** Undefined if the body is no list of questions. */
export const questionsIn = (body: unknown): readonly AskedQuestion[] | undefined =>
  ASKED.safeParse(body).data;

/** Pairs of keys. */
export const rangesIn = (
  body: unknown,
): readonly (readonly [Uint8Array, Uint8Array])[] | undefined => RANGES.safeParse(body).data;

const TOLD = z.object({
  node: z.string(),
  life: number,
  partitions: z.array(
    z.object({
      partition,
      applied: number,
      committed: number,
      end: number,
      partitionEnd: number,
      eventEnd: number,
    }),
  ),
  problems: z.array(z.string()),
  /** As `Progress.readingSince`. */
  readingSince: number,
});
/** What a node tells the others of itself, some times a second. */
export type ToldProgress = z.infer<typeof TOLD>;

export const progressIn = (value: unknown): ToldProgress | undefined => TOLD.safeParse(value).data;
