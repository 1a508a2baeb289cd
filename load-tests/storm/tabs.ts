/** The storm's visitors: browsers of one tab or several, each sending in its own way. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { SceneFailed } from '../scene-failed.ts';
import type { Handed } from './told.ts';

/** How wrong its clock is; `jumps`: right at first, and set while it is open. */
export type Clock = 'right' | 'ahead' | 'behind' | 'jumps';

/** How a tab sends. */
export interface TabPlan {
  readonly name: string;
  /** `script`: the one line of HTML. The others: the module, with this transport. */
  readonly by: 'script' | 'http' | 'websocket';
  readonly clock: Clock;
  readonly queueEventsMax?: number;
}

/** Tabs that share what a browser keeps of an origin. */
export interface VisitorPlan {
  readonly name: string;
  readonly tabs: readonly TabPlan[];
}

export interface TabNeeds {
  readonly site: string;
  readonly ingest: string;
  readonly everyMs: number;
  readonly onHanded: (handed: Handed) => void;
}

export const HOUR_MS = 3_600_000;
/** What clocks show more than is right, from the start. */
export const AHEAD_MS = { right: 0, ahead: HOUR_MS, behind: -HOUR_MS, jumps: 0 } as const;

const POLL_MS = 50;
/** Generous: what takes longer will never happen. A `Retry-After` of the storm is shorter. */
const ANSWERED_MS_MAX = 300_000;
/** Of what the browser does: a machine may be slow. */
const BROWSER_MS_MAX = 120_000;

/** What the browser keeps for this origin, as it is to be sent; its client is not asked. */
const KEPT = `(async () => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const kept = [];
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name));
    kept.push(...await done(database.transaction('waiting').objectStore('waiting').getAll()));
    database.close();
  }
  return kept.map(({ line }) => line);
})()`;

export class Tab {
  readonly plan: TabPlan;
  readonly #context: BrowserContext;
  readonly #needs: TabNeeds;
  #page: Page | undefined;

  constructor(plan: TabPlan, context: BrowserContext, needs: TabNeeds) {
    this.plan = plan;
    this.#context = context;
    this.#needs = needs;
  }

  /** Resolves when its client is there and it has begun to track; `isQuiet`: it tracks nothing. */
  async open(isQuiet = false): Promise<void> {
    const { site, ingest, everyMs } = this.#needs;
    const { name, by, clock, queueEventsMax = '' } = this.plan;
    const query = new URLSearchParams({
      ...{ tab: name, by, ingest },
      ...{ aheadMs: `${AHEAD_MS[clock]}`, queueEventsMax: `${queueEventsMax}` },
      everyMs: isQuiet ? '0' : `${everyMs}`,
    });
    await inScene(async () => {
      this.#page = await this.#context.newPage();
      await this.#page.goto(`${site}?${query}`);
      await this.#hasBegun();
    });
  }

  async reload(): Promise<void> {
    await this.#sayLast();
    await inScene(async () => {
      await this.#open.reload();
      await this.#hasBegun();
    });
  }

  async close(): Promise<void> {
    await this.#sayLast();
    await inScene(() => this.#open.close());
    this.#page = undefined;
  }

  /** No more events of its own. */
  async stop(): Promise<void> {
    await this.#ask('storm.stop()');
  }

  async setClock(aheadMs: number): Promise<void> {
    await this.#ask(`storm.setClock(${aheadMs})`);
  }

  /** Resolves when all that it had handed over by now is answered. */
  async answered(): Promise<void> {
    const deadline = performance.now() + ANSWERED_MS_MAX;
    while (!(await this.#ask<boolean>('storm.flush()'))) {
      if (performance.now() > deadline) {
        throw new Error(`${this.plan.name} waits for answers after ${ANSWERED_MS_MAX} ms`);
      }
      await sleep(POLL_MS);
    }
  }

  /** Events that this browser keeps and no tab has an answer for, of one tab or of all. */
  async countKept(tab?: string): Promise<number> {
    const lines = await this.#ask<string[]>(KEPT);
    return lines.filter((line) => tab === undefined || JSON.parse(line).tab === tab).length;
  }

  get #open(): Page {
    if (this.#page === undefined) throw new Error(`${this.plan.name} is not open`);
    return this.#page;
  }

  /** What it has given up is known from its own word alone, and must not go with it. */
  async #sayLast(): Promise<void> {
    if (this.plan.queueEventsMax !== undefined) await this.stop();
  }

  #ask<T>(expression: string): Promise<T> {
    return inScene(() => this.#open.evaluate<T>(expression));
  }

  async #hasBegun(): Promise<void> {
    await this.#open.waitForFunction('window.storm !== undefined');
  }
}

export class Visitor {
  readonly name: string;
  readonly tabs: readonly Tab[];
  readonly #context: BrowserContext;

  static async arrive(browser: Browser, plan: VisitorPlan, needs: TabNeeds): Promise<Visitor> {
    const context = await inScene(() => browser.newContext());
    context.setDefaultTimeout(BROWSER_MS_MAX);
    await context.exposeBinding('tell', (_, handed: Handed) => needs.onHanded(handed));
    const tabs = plan.tabs.map((tab) => new Tab(tab, context, needs));
    for (const tab of tabs) await tab.open();
    return new Visitor(plan.name, tabs, context);
  }

  private constructor(name: string, tabs: readonly Tab[], context: BrowserContext) {
    this.name = name;
    this.tabs = tabs;
    this.#context = context;
  }

  /** The network of the machine, as its pages see it. */
  async setOffline(isOffline: boolean): Promise<void> {
    await this.#context.setOffline(isOffline);
  }

  /**
   * Ends the visit: each tab is asked for the rest and closed, and comes again, without events of its own, until the browser keeps
   * nothing any more.
   */
  async leave(): Promise<void> {
    for (const tab of this.tabs) await tab.stop();
    await Promise.all(this.tabs.map((tab) => tab.answered()));
    for (const tab of this.tabs) await tab.close();
    const last = this.tabs[0] as Tab;
    const deadline = performance.now() + ANSWERED_MS_MAX;
    for (;;) {
      await last.open(true);
      await last.answered();
      const kept = await last.countKept();
      await last.close();
      if (kept === 0) return;
      if (performance.now() > deadline) throw new Error(`${this.name} still keeps ${kept} events`);
      await sleep(POLL_MS);
    }
  }
}

/** What a browser does not do here says nothing of the client. */
async function inScene<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new SceneFailed(`the browser: ${error instanceof Error ? error.message : error}`);
  }
}
