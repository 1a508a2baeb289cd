/** What a request of the pixel says about the page: its parameters, and the headers where these say nothing. */
import { type Hit, PAGE_VIEW } from '../model/visit.ts';
import { PARAMETERS_MAX, TEXT_LENGTH_MAX } from './limits.ts';

export type PageFields = Readonly<Record<string, string>>;

/** Of the request, not of the event: `ts` is when it arrived, and what is of no page has its own meaning. */
const OF_THE_REQUEST = new Set(['key', 'stream', 'ts', 'url']);
/** They tell who it is, or help to. */
const PERSONAL = ['user', 'device', 'session', 'visitor', 'country', 'screen', 'language'];
const CAMPAIGN = /^utm_[a-z]+$/;

/** Fields of the event. Queries of addresses are left out, but for `utm_…`: they are where secrets are. */
export function pageFields({ query, page, languages, isPrivate }: Hit): PageFields {
  const parameters = new URLSearchParams(query);
  const address = addressOf(parameters.get('url') ?? '') ?? addressOf(page);
  const fields: Record<string, string> = { type: PAGE_VIEW };
  if (address !== undefined) {
    put(fields, 'host', address.host);
    put(fields, 'path', address.pathname);
    for (const [name, value] of address.searchParams) {
      if (CAMPAIGN.test(name)) put(fields, name, value);
    }
  }
  put(fields, 'language', languages.split(/[,;]/, 1)[0] ?? '');
  for (const [name, value] of parameters) {
    if (!OF_THE_REQUEST.has(name)) put(fields, name, value);
  }
  const referrer = addressOf(fields['referrer'] ?? '');
  delete fields['referrer'];
  if (referrer !== undefined) put(fields, 'referrer', referrer.origin + referrer.pathname);
  put(fields, 'source', sourceOf(fields, referrer?.host));
  if (isPrivate) for (const name of PERSONAL) delete fields[name];
  return fields;
}

/** Where the visit comes from: what the link says, else the other site that had it. Empty: neither. */
function sourceOf(fields: PageFields, referrerHost = ''): string {
  return (
    fields['source'] ??
    fields['utm_source'] ??
    (referrerHost === fields['host'] ? '' : referrerHost)
  );
}

/** An empty value is none, and so keeps what was said elsewhere. */
function put(fields: Record<string, string>, name: string, value: string): void {
  if (value === '' || name === '' || Object.keys(fields).length >= PARAMETERS_MAX) return;
  fields[name] = value.slice(0, TEXT_LENGTH_MAX);
}

/** Of a web page; undefined for anything else. */
function addressOf(text: string): URL | undefined {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) ? url : undefined;
}
