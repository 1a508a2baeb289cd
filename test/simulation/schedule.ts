/**
 * One seed, one schedule: senders with right and wrong clocks that retry, a server that dies wherever it can, rollups that come and
 * go. Whenever it is asked, all that it says must be what the model says, and in the end the ledger must balance to nothing.
 */
import assert from 'node:assert/strict';
import { AppError } from '../../src/model/errors.ts';
import { shownName } from '../../src/model/rollup.ts';
import { DAY_MS, MINUTE_MS } from '../../src/model/units.ts';
import type { Series } from '../../src/query/answer.ts';
import type { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { assertAnswer } from './naive-answer.ts';
import { Random } from './random.ts';
import { assertLines, assertSums } from './schedule-ledger.ts';
import { ScheduleModel } from './schedule-model.ts';
import { question } from './schedule-questions.ts';
import { changedRollups, FIRST_ROLLUPS } from './schedule-rollups.ts';
import { ScheduleServer } from './schedule-server.ts';
import { type Shipment, Traffic, timeRules } from './schedule-traffic.ts';

export interface ScheduleReport {
  /** Events that came into the log, each as often as it did. */
  events: number;
  duplicates: number;
  late: number;
  expired: number;
  /** By the edge, and by rollups. */
  clamped: number;
  corrected: number;
  refused: number;
  retries: number;
  crashes: number;
  answers: number;
  /** Numbers in answers, each held against the model's. */
  numbers: number;
}

/** Days after which a question over weeks meets a clock that is set forward, set back, or neither. */
const STARTS_MS = [Date.UTC(2026, 3, 2), Date.UTC(2026, 10, 4), Date.UTC(2026, 6, 1)];
const FAULTS = {
  crash: 0.04,
  crashInCommit: 0.2,
  crashesMax: 5,
  powerCut: 0.5,
  refused: 0.05,
  answerLost: 0.05,
  died: 0.03,
};
const NO_FAULTS = { refused: 0, answerLost: 0, died: 0 };
const QUESTIONS = 6;
/** Questions that are asked again and again, and how many of them in a turn. */
const ASKED_MAX = 8;
const ASKED_AGAIN = 3;

/** Rejects if anything is not as it must be. */
export async function runSchedule(seed: number): Promise<ScheduleReport> {
  const schedule = await Schedule.start(new Random(seed), new Random(~seed));
  try {
    return await schedule.finish();
  } finally {
    schedule.stop();
  }
}

class Schedule {
  readonly #random: Random;
  /** Of its own: what is asked again changes nothing of the schedule. */
  readonly #asker: Random;
  readonly #asked: TimeseriesRequest[] = [];
  readonly #model: ScheduleModel;
  readonly #server: ScheduleServer;
  readonly #traffic: Traffic;
  readonly #time: { nowMs: number };
  /** To be sent again: nobody has acknowledged them, or the answer was lost. */
  #unanswered: Shipment[] = [];
  readonly #acknowledged = new Map<Shipment, number>();
  readonly #attempts = new Map<Shipment, number>();
  #answers = 0;
  #numbers = 0;
  #retries = 0;

  static async start(random: Random, asker: Random): Promise<Schedule> {
    const partitions = random.int(2, 4);
    const eventTime = timeRules(random);
    const time = { nowMs: random.pick(STARTS_MS) + random.int(0, DAY_MS) };
    const model = new ScheduleModel(partitions, eventTime);
    const server = await ScheduleServer.start({
      partitions,
      random,
      clock: { now: () => time.nowMs },
      eventTime,
      faults: FAULTS,
      onLogged: (block, isCopy) => model.add(block, isCopy),
    });
    await server.declare(FIRST_ROLLUPS);
    // States begin with a watermark: what is too old is then late from the first event on.
    await server.heartbeat();
    return new Schedule(random, asker, model, server, time);
  }

  private constructor(
    random: Random,
    asker: Random,
    model: ScheduleModel,
    server: ScheduleServer,
    time: { nowMs: number },
  ) {
    this.#random = random;
    this.#asker = asker;
    this.#model = model;
    this.#server = server;
    this.#time = time;
    this.#traffic = new Traffic(random);
  }

  stop(): void {
    this.#server.stop();
  }

  async finish(): Promise<ScheduleReport> {
    const random = this.#random;
    const turns = random.int(20, 50);
    const askedAt = random.int(0, turns);
    for (let turn = 0; turn < turns; turn++) {
      this.#passTime();
      await this.#takeTurn();
      await this.#server.work();
      await this.#askAgain();
      if (turn === askedAt) await this.#ask();
    }
    await this.#sendTheRest();
    await this.#ask();
    await this.#server.commitAll();
    await this.#askAgain();
    await this.#server.crash();
    await this.#askAgain();
    await this.#ask();
    this.#assertSent();
    return this.#report();
  }

  /** Mostly little by little; sometimes nobody sends for a while, and sometimes the edge's clock goes back. */
  #passTime(): void {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.05) this.#time.nowMs += random.int(1, 40) * MINUTE_MS;
    else if (kind < 0.1) this.#time.nowMs -= random.int(1, 5_000);
    else this.#time.nowMs += random.int(0, 2_500);
  }

  async #takeTurn(): Promise<void> {
    const random = this.#random;
    const kind = random.next();
    if (kind < 0.06) await this.#server.declare(changedRollups(random));
    else if (kind < 0.12) await this.#server.heartbeat();
    else if (kind < 0.2) this.#server.log.copyOne();
    else await this.#send();
  }

  async #send(): Promise<void> {
    const random = this.#random;
    const again = this.#unanswered.filter(() => random.chance(0.4));
    const fresh = Array.from({ length: random.int(0, 3) }, () =>
      this.#traffic.next(this.#time.nowMs),
    );
    this.#retries += again.length;
    await this.#attempt([...again, ...fresh]);
  }

  async #attempt(shipments: readonly Shipment[]): Promise<void> {
    const refused = shipments.map((shipment) => this.#model.attempt(shipment, this.#time.nowMs));
    const sent = await this.#server.send(shipments);
    this.#unanswered = this.#unanswered.filter((one) => !shipments.includes(one));
    shipments.forEach((shipment, i) => {
      const { isDurable, accepted, rejected } = sent[i] ?? assert.fail('no answer');
      assert.equal(rejected, refused[i], 'events that the edge refuses');
      assert.equal(accepted, shipment.events.length - rejected, 'events that the edge takes');
      addOne(this.#attempts, shipment);
      if (isDurable) addOne(this.#acknowledged, shipment);
      if (!isDurable || this.#random.chance(0.1)) this.#unanswered.push(shipment);
    });
  }

  /** Nothing fails any more, and everybody is heard. */
  async #sendTheRest(): Promise<void> {
    this.#server.log.faults = NO_FAULTS;
    if (this.#server.rollups.length === 0) await this.#server.declare(FIRST_ROLLUPS);
    this.#retries += this.#unanswered.length;
    await this.#attempt(this.#unanswered);
  }

  /** First of what is applied and what waits, then of everything. */
  async #ask(): Promise<void> {
    const { rollups, queries } = this.#server;
    const { nowMs } = this.#time;
    await assertSums(this.#server, this.#model, nowMs);
    await this.#server.catchUp();
    const pending = await assertSums(this.#server, this.#model, nowMs);
    assert.equal(pending, 0, 'events that are still pending');
    await assertLines(this.#server, this.#model, nowMs);
    for (let i = 0; i < QUESTIONS && rollups.length > 0; i++) {
      const request = question(this.#random, rollups, nowMs);
      const answer = await queries.timeseries(request);
      const definition = rollups.find(({ name }) => shownName(name) === answer.rollup);
      assert(definition !== undefined, `nobody has declared "${answer.rollup}"`);
      assert.deepEqual(answer.missingPartitions, [], 'partitions that do not answer');
      const counted = this.#model.counted(definition.name, request.tenant);
      this.#numbers += assertAnswer(request, definition, counted, answer);
      this.#answers += 1;
    }
  }

  /** The same questions again and again: from what is kept of their answers they say what the store says, whatever happened in between. */
  async #askAgain(): Promise<void> {
    const random = this.#asker;
    const { rollups, queries, forgetful } = this.#server;
    if (rollups.length > 0 && random.chance(0.5)) {
      this.#asked.push(question(random, rollups, this.#time.nowMs));
    }
    if (this.#asked.length > ASKED_MAX) this.#asked.shift();
    for (let i = 0; i < ASKED_AGAIN; i++) {
      if (this.#asked.length === 0) return;
      const request = random.pick(this.#asked);
      const [kept, read, again] = await Promise.all(
        [queries, forgetful, queries].map((each) => said(each, request)),
      );
      assert.deepEqual(kept, read, `not what is stored: ${JSON.stringify(request)}`);
      assert.deepEqual(again, read);
    }
  }

  /** What was acknowledged is in the log, and nothing is there more often than it was sent. */
  #assertSent(): void {
    for (const [shipment, attempts] of this.#attempts) {
      const acknowledged = this.#acknowledged.get(shipment) ?? 0;
      for (const { e } of shipment.events) {
        const logged = this.#model.logged.get(String(e)) ?? 0;
        const isSound = logged >= Math.max(1, acknowledged) && logged <= attempts;
        assert(isSound, `${e} came ${logged} times, of ${attempts}, ${acknowledged} acknowledged`);
      }
    }
  }

  #report(): ScheduleReport {
    const { ledger, late, timesClamped, timesCorrected } = this.#model;
    const lines = [...ledger.values()];
    const sumOf = (count: keyof (typeof lines)[0]): number =>
      lines.reduce((sum, line) => sum + line[count], 0);
    return {
      events: sumOf('received'),
      duplicates: sumOf('duplicate'),
      late,
      expired: sumOf('expired'),
      clamped: sumOf('clamped') + timesClamped,
      corrected: timesCorrected,
      refused: sumOf('rejected'),
      retries: this.#retries,
      crashes: this.#server.crashes,
      answers: this.#answers,
      numbers: this.#numbers,
    };
  }
}

const addOne = (counts: Map<Shipment, number>, one: Shipment): void => {
  counts.set(one, (counts.get(one) ?? 0) + 1);
};

/** As points, and as the texts of which an earlier answer may have written most. */
function numbersOf({ labels, points, columnTexts }: Series): unknown {
  if (columnTexts === undefined) return { labels, points };
  const { t, end, values, errorBounds } = columnTexts;
  return { labels, points, texts: { t, end, values, errorBounds } };
}

/** An answer with all its numbers, or why there is none. */
async function said(queries: Queries, request: TimeseriesRequest): Promise<unknown> {
  try {
    const { series, ...answer } = await queries.timeseries(request);
    return { ...answer, series: series.map(numbersOf) };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.message;
  }
}
