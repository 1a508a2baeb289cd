/**
 * Actors with bounds: the only user of nact. By itself nact 7.6.2 has an unbounded mailbox, stops a crashed actor by
 * default and resets one without limit otherwise, swallows messages to stopped actors, and `spawnStateless`
 * replaces the crash policy. Here every mailbox has a bound and credit, every lost message is counted and its
 * asker told, and restarts obey a limit. A message costs a turn of the event loop: send batches, never events.
 */
import { dispatch, type Ref, spawn as spawnActor, start, stop as stopActor } from 'nact';
import type { Clock } from '../src/model/clock.ts';
import { AppError } from '../src/model/errors.ts';
import type { Logger } from '../src/model/logger.ts';
import { Mailbox } from './mailbox.ts';
import { RestartBudget, type RestartLimit } from './supervision.ts';

export type ActorState = 'starting' | 'running' | 'restarting' | 'failed' | 'stopping' | 'stopped';

/** What a person or a metric sees of an actor. */
export interface ActorSnapshot {
  /** `partition/7`; unique in its thread. */
  readonly path: string;
  readonly name: string;
  readonly state: ActorState;
  readonly mailboxDepth: number;
  readonly mailboxMax: number;
  /** Null while none waits. */
  readonly oldestMessageAgeMs: number | null;
  readonly handled: number;
  readonly restarts: number;
  /** Messages that it never handled: sent after its stop, or lost in a crash. */
  readonly deadLetters: number;
  readonly lastError: string | null;
}

/** A message that no actor handled. */
export interface DeadLetter {
  readonly path: string;
  readonly messageType: string;
}

export interface ActorSpec<State, Message> {
  readonly name: string;
  /** Messages that may wait; one more is refused. */
  readonly mailboxMax: number;
  /** Of these, how many places `ask` leaves free for `offer`: questions must not keep work out. */
  readonly keptFromAsks?: number;
  /** True of a message that is handled before all others that wait: it must not depend on what came before it. */
  overtakes?(message: Message): boolean;
  readonly restart: RestartLimit;
  /** Makes the state, at first and after each crash, before any message is handled. */
  start(): State | Promise<State>;
  /** May mutate the state; may throw, which is a crash. The next message waits for it. */
  receive(state: State, message: Message): void | Promise<void>;
  /** Told after `start` has succeeded, at first and again. */
  started?(state: State): void;
  /** Told of each crash, before the restart; `message` is undefined if `start` or `stop` crashed. */
  crashed?(error: unknown, message: Message | undefined): void;
  /** Last words of an actor that is stopped in good order, behind its last message. */
  stop?(state: State): void | Promise<void>;
}

/** The address of an actor. */
export interface ActorRef<Message> {
  readonly path: string;
  readonly state: ActorState;
  /** Messages that wait or are being handled. */
  readonly depth: number;
  /** `full` and `stopped` took nothing; a message to a stopped or restarting actor is a dead letter. */
  offer(message: Message): 'accepted' | 'full' | 'stopped';
  /** Resolves when fewer than `below` messages wait, or when the actor takes none any more. */
  credit(below?: number): Promise<void>;
  /**
   * Sends what `make` makes of the reply function and waits for its call. Rejects with what was replied if that
   * is an error, `mailbox_full`, `actor_stopped` (also when it crashes meanwhile) or `query_timeout`.
   */
  ask<Answer>(
    make: (replyTo: (answer: Answer | Error) => void) => Message,
    timeoutMs: number,
  ): Promise<Answer>;
  /** Takes no more messages, handles those that wait, then ends. Resolves at the end. */
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Resolves after that time; waits of a restart go through it. */
  readonly sleep: (ms: number) => Promise<void>;
  readonly log: Logger;
}

/** Dead letters that are kept as examples. */
const DEAD_LETTERS_KEPT = 100;

/** All actors of a thread. */
export class ActorSystem {
  readonly #options: RuntimeOptions;
  readonly #root = start();
  readonly #actors = new Map<string, Actor<unknown, unknown>>();
  readonly #groups = new Map<string, Ref<unknown>>();
  readonly #deadLetters: DeadLetter[] = [];

  constructor(options: RuntimeOptions) {
    this.#options = options;
  }

  /** The newest dead letters of all actors, a bounded number. */
  get deadLetters(): readonly DeadLetter[] {
    return this.#deadLetters;
  }

  /** `group` is the first part of the path: what its members are. */
  spawn<State, Message>(group: string, spec: ActorSpec<State, Message>): ActorRef<Message> {
    const path = `${group}/${spec.name}`;
    const actor = new Actor<State, Message>(this.#groupNamed(group), path, spec, this.#options, {
      deadLetter: (messageType) => {
        if (this.#deadLetters.length === DEAD_LETTERS_KEPT) this.#deadLetters.shift();
        this.#deadLetters.push({ path, messageType });
      },
      stopped: () => this.#actors.delete(path),
    });
    this.#actors.set(path, actor);
    return actor;
  }

  /** Parents before children, siblings in the order of their start. */
  snapshot(): ActorSnapshot[] {
    const groups = [...this.#groups.keys()];
    const actors = [...this.#actors.values()];
    return groups.flatMap((group) =>
      actors.filter(({ path }) => path.startsWith(`${group}/`)).map((actor) => actor.snapshot()),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#actors.values()].map((actor) => actor.stop()));
    stopActor(this.#root);
  }

  #groupNamed(name: string): Ref<unknown> {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = spawnActor(this.#root, (state: undefined) => state, name);
      this.#groups.set(name, group);
    }
    return group;
  }
}

interface Hooks {
  deadLetter(messageType: string): void;
  stopped(): void;
}

/** What nact's own mailbox carries. `message`: one more of those that wait in ours is to be handled, whichever is next then. */
type Post = 'start' | 'message' | 'stop';

class Actor<State, Message> implements ActorRef<Message> {
  readonly path: string;
  readonly #spec: ActorSpec<State, Message>;
  readonly #options: RuntimeOptions;
  readonly #hooks: Hooks;
  readonly #mailbox: Mailbox<Message>;
  readonly #budget: RestartBudget;
  readonly #ref: Ref<Post>;
  readonly #ended = Promise.withResolvers<void>();
  /** Resolves to cut a backoff short. */
  readonly #stopping = Promise.withResolvers<void>();
  #current: { readonly state: State } | undefined;
  /** Being handled; undefined while the actor starts or stops. */
  #message: Message | undefined;
  #state: ActorState = 'starting';
  #hasEnded = false;
  #restarts = 0;
  #lastError: string | null = null;

  constructor(
    group: Ref<unknown>,
    path: string,
    spec: ActorSpec<State, Message>,
    options: RuntimeOptions,
    hooks: Hooks,
  ) {
    this.path = path;
    this.#spec = spec;
    this.#options = options;
    this.#hooks = hooks;
    this.#mailbox = new Mailbox(spec.mailboxMax);
    this.#budget = new RestartBudget(spec.restart, options.random);
    this.#ref = spawnActor(group, (_: undefined, post: Post) => this.#handle(post), spec.name, {
      onCrash: async (_, error, ctx) => ((await this.#crash(error)) ? ctx.reset : ctx.stop),
    });
    dispatch(this.#ref, 'start');
  }

  get state(): ActorState {
    return this.#state;
  }

  get depth(): number {
    return this.#mailbox.depth;
  }

  offer(message: Message): 'accepted' | 'full' | 'stopped' {
    return this.#send(message);
  }

  async credit(below = this.#spec.mailboxMax): Promise<void> {
    if (this.#takes()) await this.#mailbox.credit(below);
  }

  ask<Answer>(
    make: (replyTo: (answer: Answer | Error) => void) => Message,
    timeoutMs: number,
  ): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => {
      reject(new AppError('query_timeout', `${this.path} did not answer within ${timeoutMs} ms`));
    }, timeoutMs);
    const message = make((answer) => {
      if (answer instanceof Error) reject(answer);
      else resolve(answer);
    });
    const sent = this.#send(message, this.#spec.keptFromAsks, reject);
    if (sent === 'full') {
      reject(new AppError('mailbox_full', `${this.depth} messages wait for ${this.path}`));
    } else if (sent === 'stopped') {
      reject(this.#notTaking());
    }
    return promise.finally(() => clearTimeout(timer));
  }

  stop(): Promise<void> {
    if (this.#state === 'stopping' || this.#hasEnded) return this.#ended.promise;
    this.#state = 'stopping';
    this.#stopping.resolve();
    // Also after a crash: its backoff may be over, and the actor be starting again. If not, the crash ends it.
    dispatch(this.#ref, 'stop');
    return this.#ended.promise;
  }

  snapshot(): ActorSnapshot {
    const since = this.#mailbox.oldestSinceMs;
    return {
      path: this.path,
      name: this.#spec.name,
      state: this.#state,
      mailboxDepth: this.#mailbox.depth,
      mailboxMax: this.#mailbox.max,
      oldestMessageAgeMs: since === undefined ? null : this.#options.clock.now() - since,
      handled: this.#mailbox.handled,
      restarts: this.#restarts,
      deadLetters: this.#mailbox.dead,
      lastError: this.#lastError,
    };
  }

  #takes(): boolean {
    return this.#state === 'running' || this.#state === 'starting';
  }

  #send(
    message: Message,
    kept = 0,
    abort?: (fault: AppError) => void,
  ): 'accepted' | 'full' | 'stopped' {
    if (!this.#takes()) {
      this.#mailbox.dead += 1;
      this.#hooks.deadLetter(typeOf(message));
      return 'stopped';
    }
    const overtakes = this.#spec.overtakes?.(message) ?? false;
    const isIn = this.#mailbox.enter(message, this.#options.clock.now(), {
      kept,
      overtakes,
      abort,
    });
    if (!isIn) return 'full';
    dispatch(this.#ref, 'message');
    return 'accepted';
  }

  async #handle(post: Post): Promise<undefined> {
    if (post === 'start') {
      this.#current = { state: await this.#spec.start() };
      if (this.#state !== 'stopping') this.#state = 'running';
      this.#spec.started?.(this.#current.state);
    } else if (post === 'stop') {
      if (this.#current !== undefined) await this.#spec.stop?.(this.#current.state);
      this.#end();
    } else if (this.#current !== undefined) {
      await this.#handleNext(this.#current.state);
    }
    return undefined;
  }

  /** Behind a crash there are more posts than messages, until the actor has started again. */
  async #handleNext(state: State): Promise<void> {
    const envelope = this.#mailbox.next();
    if (envelope === undefined) return;
    this.#message = envelope.message;
    await this.#spec.receive(state, envelope.message);
    this.#message = undefined;
    this.#mailbox.handledOne(envelope);
  }

  /** True: start again. nact waits for the decision, and handles nothing meanwhile. */
  async #crash(error: unknown): Promise<boolean> {
    const message = this.#message;
    this.#message = undefined;
    const { log, clock, sleep } = this.#options;
    this.#current = undefined;
    this.#lastError = error instanceof Error ? error.message : String(error);
    const decision = this.#budget.crashed(clock.now());
    const wasStopping = this.#state === 'stopping';
    if (!wasStopping) this.#state = decision.restart === 'soon' ? 'restarting' : 'failed';
    this.#mailbox.loseAll(this.#notTaking(), (lost) => this.#hooks.deadLetter(typeOf(lost)));
    log.error({ err: error, actor: this.path, ...decision }, 'an actor crashed');
    this.#spec.crashed?.(error, message);
    if (decision.restart === 'never') {
      this.#end();
      return false;
    }
    if (!wasStopping) await Promise.race([sleep(decision.delayMs), this.#stopping.promise]);
    if (wasStopping || this.#hasToStop()) {
      this.#end();
      return false;
    }
    this.#restarts += 1;
    dispatch(this.#ref, 'start');
    return true;
  }

  /** A function, because the state changes while a crash waits for its restart. */
  #hasToStop(): boolean {
    return this.#state === 'stopping';
  }

  /** One that failed for good stays in the tree, where it is seen. */
  #end(): void {
    this.#hasEnded = true;
    if (this.#state !== 'failed') {
      this.#state = 'stopped';
      this.#hooks.stopped();
    }
    this.#mailbox.loseAll(this.#notTaking(), (lost) => this.#hooks.deadLetter(typeOf(lost)));
    stopActor(this.#ref);
    this.#ended.resolve();
  }

  #notTaking(): AppError {
    const { restarts, path } = { restarts: this.#restarts, path: this.path };
    if (this.#state === 'failed') {
      return new AppError(
        'restart_limit',
        `${path} has failed after ${restarts} restarts: ${this.#lastError}`,
      );
    }
    return new AppError('actor_stopped', `${path} is ${this.#state}`);
  }
}

function typeOf(message: unknown): string {
  const isTyped = typeof message === 'object' && message !== null && 'type' in message;
  return isTyped ? String(message.type) : typeof message;
}
