/**
 * What a site gets by one line, `<script src="https://HOST:8080/client.js" data-key="KEY" async></script>`: page views by
 * themselves, and `streamgauge` for the page's own events.
 */
import type { EventFields } from '../client.ts';
import { pageClient } from './page-client.ts';

/** What a page may call; before the script is here, `(window.streamgauge ||= []).push(['track', 'signup'])` notes it. */
type Call =
  | readonly ['track' | 'identify', string, EventFields?]
  | readonly ['consent', boolean]
  | readonly ['forget'];

declare global {
  interface Document {
    /** Not in all browsers. */
    readonly prerendering?: boolean;
  }
  interface Navigator {
    /** Not in all browsers. */
    readonly globalPrivacyControl?: boolean;
  }
  interface Window {
    streamgauge?: { push(...calls: Call[]): void } | Call[];
  }
}

/** The browser says that its user does not want to be followed. */
const IS_PRIVATE = navigator.globalPrivacyControl === true || navigator.doNotTrack === '1';

function start({ src, dataset }: HTMLScriptElement): void {
  const { key, stream, url, consent, anonymous, sampleRate, pageViews } = dataset;
  const client = pageClient({
    ...{ key, stream, url: url ?? new URL(src).origin },
    consent: consent !== 'false',
    anonymous: IS_PRIVATE || anonymous !== undefined,
    ...(sampleRate !== undefined && { sampleRate: Number(sampleRate) }),
  });
  const views =
    pageViews === 'off' ? () => {} : watchPageViews((page) => client.track('page_view', page));
  const api = {
    track: (type: string, fields?: EventFields) => client.track(type, fields),
    identify: (user: string, traits?: EventFields) => client.identify(user, traits),
    forget: () => client.forget(),
    flush: () => client.flush(),
    consent(isGiven: boolean) {
      client.consent(isGiven);
      views();
    },
    push(...calls: Call[]) {
      for (const call of calls) obey(call);
    },
  };
  const obey = (call: Call) => {
    if (call[0] === 'consent') api.consent(call[1]);
    else if (call[0] === 'forget') api.forget();
    else if (call[0] === 'track' || call[0] === 'identify') api[call[0]](call[1], call[2]);
    else console.warn(`streamgauge: expected track, identify, consent or forget, received ${call}`);
  };
  const before = window.streamgauge;
  window.streamgauge = api;
  views();
  if (Array.isArray(before)) api.push(...before);
}

/**
 * Answers what tells the page that is seen now, unless it was told. Called by itself when a page changes its own address.
 * Queries are left out of addresses: they are where secrets are.
 */
function watchPageViews(track: (page: EventFields) => boolean): () => void {
  let told = '';
  let referrer = document.referrer;
  const look = () => {
    const { host, pathname, href, search } = location;
    const page = host + pathname;
    if (page === told) return;
    const fields = { host, path: pathname, ...origin(host, referrer, search), ...BROWSER };
    if (!track(fields)) return;
    told = page;
    referrer = href;
  };
  const { pushState } = history;
  history.pushState = (...change) => {
    pushState.apply(history, change);
    look();
  };
  addEventListener('popstate', look);
  addEventListener('pageshow', ({ persisted }) => {
    // Back or forward to a page as it was left: it is seen once more.
    if (!persisted) return;
    told = '';
    look();
  });
  return look;
}

/** Where the view comes from: what the link says, else the other site that had it. */
function origin(host: string, referrer: string, search: string): EventFields {
  const campaign = [...new URLSearchParams(search)].filter(([name]) => /^utm_[a-z]+$/.test(name));
  const fields: Record<string, string> = Object.fromEntries(campaign);
  const site = /^https?:\/\/([^/]+)/.exec(referrer)?.[1];
  const source = fields['utm_source'] || (site === host ? undefined : site);
  return { ...fields, source, referrer: withoutQuery(referrer) };
}

/** Where many together could tell a browser from others, and so not of who does not want that. */
const BROWSER: EventFields = IS_PRIVATE
  ? {}
  : { language: navigator.language, screen: `${screen.width}x${screen.height}` };

const withoutQuery = (url: string): string | undefined => url.split(/[?#]/, 1)[0] || undefined;

/** A page may be made ready before anybody wants to see it, and never be seen. */
function startOnceSeen(script: HTMLScriptElement): void {
  if (document.prerendering) {
    document.addEventListener('prerenderingchange', () => start(script), { once: true });
  } else start(script);
}

// Below everything that it uses.
const script = document.currentScript;
const { streamgauge } = window;
if (!(script instanceof HTMLScriptElement)) {
  console.warn('streamgauge: expected a script of its own without type="module", or the library');
} else if (streamgauge !== undefined && !Array.isArray(streamgauge)) {
  console.warn(
    `streamgauge: expected one script, received ${script.src} as well, which is left out`,
  );
} else startOnceSeen(script);
