/**
 * What runs in each page of the storm: a client as sites have it, and a clock that may be wrong. It hands numbered events to
 * `track` at a steady rate, and says so outside first: nothing that the page loses is lost there.
 */
import { createClient } from '../../../src/client/browser/index.ts';

/** What both ways of having the client offer. */
interface Client {
  track(type: string, fields: Readonly<Record<string, unknown>>): boolean;
  flush(): Promise<boolean>;
}

/** One number, as the page hands it over; once more if `track` has answered that it is given up. */
interface Handed {
  readonly tab: string;
  readonly life: string;
  readonly n: number;
  readonly isGivenUp: boolean;
}

declare global {
  /** Outside of the browser. */
  function tell(handed: Handed): void;
  interface Window {
    /** What the storm asks of the page, once the client is there. */
    storm?: {
      flush(): Promise<boolean>;
      stop(): void;
      setClock(aheadMs: number): void;
    };
  }
}

const SCRIPT_RETRY_MS = 500;

const query = new URLSearchParams(location.search);
const asked = (name: string): string => query.get(name) ?? '';
const tab = asked('tab');
/** A page that is loaded again counts from 1 again. */
const life = crypto.randomUUID();

/** The machine's clock is right, whatever the page is shown. */
const trueNow = Date.now;
let aheadMs = Number(asked('aheadMs'));
Date.now = () => trueNow() + aheadMs;

function clientOfModule(transport: 'http' | 'websocket'): Client {
  const queueEventsMax = Number(asked('queueEventsMax')) || undefined;
  return createClient({ url: asked('ingest'), transport, queueEventsMax });
}

/** Resolves once the one line of HTML has brought it; a server that is away is asked again, as a visitor would. */
async function clientOfScript(): Promise<Client> {
  for (;;) {
    const script = document.createElement('script');
    script.src = `${asked('ingest')}/client.js`;
    script.dataset['pageViews'] = 'off';
    const isThere = await new Promise<boolean>((resolve) => {
      script.onload = () => resolve(true);
      script.onerror = () => resolve(false);
      document.head.append(script);
    });
    const { streamgauge }: { readonly streamgauge?: unknown } = window;
    if (isThere) return streamgauge as Client;
    await new Promise((resolve) => setTimeout(resolve, SCRIPT_RETRY_MS));
  }
}

async function begin(): Promise<void> {
  const by = asked('by');
  const client = by === 'http' || by === 'websocket' ? clientOfModule(by) : await clientOfScript();
  let n = 0;
  const next = () => {
    n += 1;
    tell({ tab, life, n, isGivenUp: false });
    if (client.track('storm', { tab, life, n, trueMs: trueNow() })) return;
    tell({ tab, life, n, isGivenUp: true });
  };
  const everyMs = Number(asked('everyMs'));
  const timer = everyMs > 0 ? setInterval(next, everyMs) : undefined;
  window.storm = {
    flush: () => client.flush(),
    stop: () => clearInterval(timer),
    setClock(ms) {
      aheadMs = ms;
    },
  };
}

void begin();
